"""The next token of each sequence, from its logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.engine.sequence import SequenceState

if TYPE_CHECKING:
    import torch

NAN_LOGITS = "the model's logits are NaN or infinite; try dtype: float32"


def sample_next(logits: torch.Tensor, sequences: Sequence[SequenceState]) -> None:
    """Append a next token to each sequence.

    logits: shape (sequences, vocabulary). Repetition penalty, temperature, top-k and top-p apply
    in this order, as transformers' logits processors define them. A sequence whose logits are NaN
    fails; the others go on.
    """
    import torch

    logits = logits.float()
    _penalise(logits, sequences)
    best, tokens = logits.max(dim=-1)
    sampled = [
        i
        for i, sequence in enumerate(sequences)
        if sequence.encoded.request.generation.temperature > 0
    ]
    if sampled:
        where = torch.tensor(sampled, device=logits.device)
        tokens[where] = _sample(logits[where], [sequences[i] for i in sampled])
    # one transfer: each waits for the device
    for sequence, token in zip(
        sequences, torch.where(torch.isfinite(best), tokens, -1).tolist(), strict=True
    ):
        if token >= 0:
            sequence.append(token)
        else:
            sequence.fail(NAN_LOGITS)


def _penalise(logits: torch.Tensor, sequences: Sequence[SequenceState]) -> None:
    """Repetition penalty, in place (Keskar et al. 2019, CTRL, section 4.1), prompt included."""
    import torch

    for i, sequence in enumerate(sequences):
        penalty = sequence.encoded.request.generation.repetition_penalty
        if penalty == 1.0:
            continue
        seen = torch.tensor(sorted({*sequence.encoded.prompt, *sequence.ids}), device=logits.device)
        values = logits[i, seen]
        logits[i, seen] = torch.where(values < 0, values * penalty, values / penalty)


def _sample(logits: torch.Tensor, sequences: Sequence[SequenceState]) -> torch.Tensor:
    """One token per sequence: the quantile of its distribution at its next random number.

    Tokens are sorted by probability first, so rounding in another batch layout almost never changes
    the token.
    """
    import torch

    settings = [sequence.encoded.request.generation for sequence in sequences]
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
    # rank 0 always stays
    probabilities = probabilities.masked_fill((before >= limit) & (rank > 0), 0.0)
    cumulative = probabilities.cumsum(dim=-1)
    drawn = column([sequence.random() for sequence in sequences]) * cumulative[:, -1:]
    chosen = torch.searchsorted(cumulative, drawn, right=True).clamp_(max=size - 1)
    # rounding must not lead past the last token of non-zero probability
    last = (probabilities > 0).long().mul_(rank + 1).amax(dim=-1, keepdim=True) - 1
    return order.gather(1, torch.minimum(chosen, last.clamp(min=0))).squeeze(1)
