"""How well a model predicts texts. Lower is better.

Both are of all texts together (a long text counts more than a short one): no mean of per-sample
values, so there are none. Intervals are over texts. The setting ``model`` names the model that
reads the answers of a run; the likelihoods in the columns are then that model's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result

Floats = NDArray[np.float64]


def perplexity(
    columns: Columns, *, model: str | None = None, confidence: float = 0.95, seed: int = 0
) -> Result:
    """exp of the mean negative log-likelihood per token; 1 is best, no upper bound.

    Comparable only between models with the same tokens. Student's interval of the loss per token,
    over texts (stats.bounded). Source: F. Jelinek
    et al., Perplexity, J. Acoustical Society of America 62 (1977) S63.
    """
    return _of_sums("perplexity", columns, confidence)


def bits_per_byte(
    columns: Columns, *, model: str | None = None, confidence: float = 0.95, seed: int = 0
) -> Result:
    """Negative log2-likelihood per byte of the texts in UTF-8; 0 is best, no upper bound.

    Comparable between any models. Student's interval over texts (stats.bounded). Source: L. Gao
    et al., The Pile, 2020, section 3.1.
    """
    return _of_sums("bits_per_byte", columns, confidence)


def _perplexity(sums: Floats) -> Floats:
    values: Floats = np.exp(np.minimum(-sums[:, 0] / sums[:, 1], 700.0))
    return values


def _bits(sums: Floats) -> Floats:
    values: Floats = -sums[:, 0] / sums[:, 1] / log(2)
    return values


OF_TEXTS: Mapping[str, Callable[[Floats], Floats]] = {
    "perplexity": _perplexity,
    "bits_per_byte": _bits,
}
"""Scores of all texts, as functions of sums over them: log-probabilities, and tokens or bytes."""


def sums_of(name: str, columns: Columns) -> tuple[Floats, Callable[[Floats], Floats]]:
    """What each text adds to the sums of a score of ``OF_TEXTS``, and the score of sums."""
    in_tokens = name == "perplexity"
    rows = [(t.logprob, t.tokens if in_tokens else t.bytes) for t in columns.likelihoods]
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return table, OF_TEXTS[name]


def ratio_of(name: str, columns: Columns) -> build.Ratio:
    """A score of ``OF_TEXTS`` as a function of a ratio: nats to tokens or bits to bytes."""
    table, _ = sums_of(name, columns)
    in_tokens = name == "perplexity"
    losses = -table[:, 0] if in_tokens else -table[:, 0] / log(2)
    # A text without a token or byte has no part in the score.
    made = _exponential if in_tokens else float
    return build.Ratio(losses, table[:, 1], 0.0, inf, made)


def _exponential(nats: float) -> float:
    return exp(min(nats, 700.0))


def _of_sums(name: str, columns: Columns, confidence: float) -> Result:
    sums = ratio_of(name, columns)
    return build.single(name, build.of_ratio(sums, len(columns), confidence=confidence))
