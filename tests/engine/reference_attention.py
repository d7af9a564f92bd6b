"""What the kernels of ``evalkit.engine.paged_kernels`` compute, sequence by sequence in torch."""

from __future__ import annotations

import torch


def store_and_attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    tables: torch.Tensor,
    slots: torch.Tensor,
    lengths: torch.Tensor,
    scale: float,
    splits: int,
) -> torch.Tensor:
    assert splits & (splits - 1) == 0
    block = keys.shape[2]
    groups = q.shape[1] // k.shape[1]
    outputs = []
    for row, (slot, length) in enumerate(zip(slots.tolist(), lengths.tolist(), strict=True)):
        place = int(tables[slot, length // block])
        keys[place, :, length % block] = k[0, :, row]
        values[place, :, length % block] = v[0, :, row]
        blocks = tables[slot, : length // block + 1].tolist()
        seen = torch.cat([keys[b] for b in blocks], 1)[:, : length + 1]
        weighed = torch.cat([values[b] for b in blocks], 1)[:, : length + 1]
        query = q[0, :, row].view(k.shape[1], groups, -1)
        scores = (query @ seen.transpose(1, 2) * scale).softmax(-1)
        outputs.append((scores @ weighed).reshape(q.shape[1], -1))
    return torch.stack(outputs)[None]
