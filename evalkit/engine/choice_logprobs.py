"""Log-likelihoods of the choices of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.engine.tokenization import TokenizedRequest
from evalkit.exchange import lead

if TYPE_CHECKING:
    import torch

ROUNDINGS = {"float32": 8.0, "float64": 8.0}
"""By how many units of rounding a logit differs between two layouts of a batch; 1 in other
precisions. In half precision every activation is rounded, so the last rounding dominates. In
float32 the order of sums differs, which was measured on SmolLM2-135M."""

POSITIONS_AT_ONCE = 256
"""Positions that are normalised at a time."""


@dataclass(frozen=True, slots=True)
class ChoiceLogprobs:
    """Log-likelihoods of the choices in nats, and by how much rounding may move each."""

    logprobs: tuple[float, ...]
    noise: float

    @property
    def margin(self) -> float:
        """The lead of the best choice over the second; infinite for a single choice."""
        return lead(self.logprobs)

    @property
    def tie(self) -> bool:
        """True when rounding could have changed the best choice."""
        return self.margin < 2 * self.noise


def sum_choice_logprobs(
    batch: Sequence[TokenizedRequest],
    logits: torch.Tensor,
    places: Sequence[int],
    targets: Sequence[int],
    dtype: torch.dtype,
) -> list[ChoiceLogprobs]:
    """Sum the log-probabilities of each choice's tokens.

    logits: shape (positions, vocabulary), as the model returns them. places, targets: for every
    token of every choice of every request, in order, the row of ``logits`` that predicts it and
    its id. dtype: the precision of the model.
    """
    import torch

    # a few positions at a time: the vocabulary is large, and a long text has thousands of them
    norms = torch.cat([part.float().logsumexp(-1) for part in logits.split(POSITIONS_AT_ONCE)])
    where = torch.tensor(places, device=logits.device)
    wanted = torch.tensor(targets, device=logits.device)
    scores = logits[where, wanted].float() - norms[where]
    low, high = logits.aminmax()
    # one transfer for the whole batch
    largest, *values = torch.cat([torch.maximum(-low, high).float().reshape(1), scores]).tolist()
    unit = torch.finfo(dtype).eps * ROUNDINGS.get(str(dtype).removeprefix("torch."), 1.0)
    tokens = iter(values)
    return [
        ChoiceLogprobs(
            tuple(sum(next(tokens) for _ in choice) for choice in encoded.choices), unit * largest
        )
        for encoded in batch
    ]
