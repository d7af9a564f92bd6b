"""Runs the Triton kernels in Triton's interpreter, and prints how far they are from torch.

    TRITON_INTERPRET=1 python -m tests.engine.interpreted_kernels

Triton decides when it is imported, so this needs a process of its own. The interpreter truncates
bfloat16 where a GPU rounds; only float32 is compared.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from triton.runtime import interpreter

from evalkit.engine import fused_kernels, paged_kernels
from evalkit.engine.paged_cache import BLOCK
from tests.engine import reference_attention

_patched = interpreter._patch_lang_tensor


def _with_scalars(tensor: Any, scope: Any) -> None:
    """Triton 3.6 converts arrays of one number to an int, which NumPy 2.4 refuses."""
    _patched(tensor, scope)
    tensor.__index__ = lambda self: int(self.handle.data.item())


def attention(key_heads: int, groups: int, size: int, splits: int) -> float:
    """The largest difference between the kernel and torch over sequences of several lengths."""
    torch.manual_seed(size)
    lengths = torch.tensor([0, 1, BLOCK - 1, BLOCK, 3 * BLOCK - 2])
    count, width = len(lengths), 4
    keys, values = torch.randn(2, 30, key_heads, BLOCK, size)
    tables = torch.zeros(count + 2, width, dtype=torch.int32)
    tables[1 : count + 1] = (torch.randperm(29)[: count * width] + 1).view(count, width)
    slots = torch.randperm(count) + 1
    q = torch.randn(1, count, key_heads * groups, size).transpose(1, 2)
    k, v = (torch.randn(1, count, key_heads, size).transpose(1, 2) for _ in "kv")
    found, expected = (
        (attend(q, k, v, *cache, tables, slots, lengths, size**-0.5, splits), cache)
        for attend, cache in (
            (paged_kernels.store_and_attend, (keys.clone(), values.clone())),
            (reference_attention.store_and_attend, (keys.clone(), values.clone())),
        )
    )
    assert all(torch.equal(a, b) for a, b in zip(found[1], expected[1], strict=True))
    return float((found[0] - expected[0]).abs().max())


def layers() -> dict[str, float]:
    """The largest difference of each fused kernel."""
    from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

    torch.manual_seed(0)
    norm = LlamaRMSNorm(72)
    norm.weight.data = torch.randn(72)
    x, gate, up = torch.randn(3, 1, 7, 72)
    q = torch.randn(1, 7, 3, 16).transpose(1, 2)
    angles = torch.rand(1, 7, 16) * 9
    cos, sin = angles.cos(), angles.sin()
    pairs = {
        "rms_norm": (
            fused_kernels.rms_norm(x, norm.weight.data, norm.variance_epsilon),
            norm(x).detach(),
        ),
        "silu_times": (
            fused_kernels.silu_times(gate, up),
            torch.nn.functional.silu(gate) * up,
        ),
        "rotate": (fused_kernels.rotate(q, cos, sin), apply_rotary_pos_emb(q, q, cos, sin)[0]),
    }
    return {name: float((a - b).abs().max()) for name, (a, b) in pairs.items()}


if __name__ == "__main__":
    interpreter._patch_lang_tensor = _with_scalars
    shapes = [(3, 3, 64, 1), (2, 4, 80, 4), (4, 1, 128, 2)]
    print(json.dumps({**layers(), **{str(shape): attention(*shape) for shape in shapes}}))
