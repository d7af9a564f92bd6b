"""The next token of each row of a batch, from its logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.engine.rows import Row

if TYPE_CHECKING:
    import torch

NAN = "the model's logits are not numbers (NaN or infinite); try dtype: float32"


def advance(logits: torch.Tensor, rows: Sequence[Row]) -> None:
    """Give each row its next token.

    logits: shape (rows, vocabulary). Repetition penalty, temperature, top-k and top-p apply
    in that order, with the definitions of transformers' logits processors. A row whose
    logits are NaN fails alone.
    """
    import torch

    logits = logits.float()
    _penalise(logits, rows)
    best, tokens = logits.max(dim=-1)
    sampled = [i for i, row in enumerate(rows) if row.encoded.request.generation.temperature > 0]
    if sampled:
        where = torch.tensor(sampled, device=logits.device)
        tokens[where] = _sample(logits[where], [rows[i] for i in sampled])
    good = torch.isfinite(best).tolist()
    for row, token, fine in zip(rows, tokens.tolist(), good, strict=True):
        if fine:
            row.push(token)
        else:
            row.fail(NAN)


def _penalise(logits: torch.Tensor, rows: Sequence[Row]) -> None:
    """Repetition penalty, in place (Keskar et al. 2019, CTRL, section 4.1), prompt included."""
    import torch

    for i, row in enumerate(rows):
        penalty = row.encoded.request.generation.repetition_penalty
        if penalty == 1.0:
            continue
        seen = torch.tensor(sorted({*row.encoded.prompt, *row.ids}), device=logits.device)
        values = logits[i, seen]
        logits[i, seen] = torch.where(values < 0, values * penalty, values / penalty)


def _sample(logits: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """One token per row by inverting the distribution function at the row's own random number.

    Sorting first makes the token a smooth function of the logits: rounding in another batch
    layout almost never changes it.
    """
    import torch

    settings = [row.encoded.request.generation for row in rows]
    device, size = logits.device, logits.shape[-1]

    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, device=device, dtype=torch.float32).unsqueeze(1)

    logits = logits / column([s.temperature for s in settings])
    logits, order = logits.sort(dim=-1, descending=True, stable=True)
    rank = torch.arange(size, device=device).unsqueeze(0)
    logits = logits.masked_fill(rank >= column([s.top_k or size for s in settings]), -torch.inf)
    probabilities = logits.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    limit = column([1.0 if s.top_p is None else s.top_p for s in settings])
    # rank 0 stays whatever the limit is
    probabilities = probabilities.masked_fill((before >= limit) & (rank > 0), 0.0)
    cumulative = probabilities.cumsum(dim=-1)
    drawn = column([row.draw() for row in rows]) * cumulative[:, -1:]
    chosen = torch.searchsorted(cumulative, drawn, right=True).clamp_(max=size - 1)
    # rounding must never lead past the last token that may be chosen
    last = (probabilities > 0).long().mul_(rank + 1).amax(dim=-1, keepdim=True) - 1
    return order.gather(1, torch.minimum(chosen, last.clamp(min=0))).squeeze(1)
