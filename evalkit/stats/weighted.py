"""Scores as functions of how often each sample is drawn, and the bootstrap over those.

A mean, a corpus BLEU, a macro-F1 and an area under a curve have this in common: given how often
each sample occurs, they have a value. Resampling whole clusters is then the same for all of them:
only the weights differ.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.bootstrap import resampling_weights
from evalkit.stats.intervals import NONE, Interval

FloatArray = NDArray[np.float64]
Weighted = Callable[[FloatArray], FloatArray]
"""From weights, shape (r, n), to scores, shape (r,); NaN where undefined."""

_MOST = 20_000_000  # weights drawn in all: a second or two
_OF_CLUSTERS = 2_000  # resamples of an interval


def clustered_weighted(
    score: Weighted,
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of a score when whole clusters of samples are resampled; none below 2 clusters."""
    units = len(set(clusters))
    if units < 2:
        return NONE
    drawn = np.concatenate([score(w) for w in _weights(clusters, seed)])
    usable = drawn[np.isfinite(drawn)]
    if len(usable) < len(drawn) / 2:
        return NONE
    return _percentiles(usable, units, confidence, "bootstrap, clustered")


def _weights(clusters: Sequence[Hashable], seed: int) -> Iterator[FloatArray]:
    n = len(clusters)
    resamples = min(_OF_CLUSTERS, max(1_000, _MOST // n))
    number = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    of_sample = np.array([number[cluster] for cluster in clusters])
    step = max(1, 4_000_000 // n)  # the weights of samples take more room than those of clusters
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        for weights in resampling_weights(len(number), seed + start, size):
            yield weights[:, of_sample]


def _percentiles(drawn: FloatArray, units: int, confidence: float, method: str) -> Interval:
    """Percentiles, widened for few samples as in :mod:`evalkit.stats.bootstrap`."""
    from scipy.special import ndtr, stdtrit

    z = float(stdtrit(units - 1, 0.5 + confidence / 2)) * sqrt(units / (units - 1))
    low, high = np.quantile(drawn, ndtr(np.array([-z, z])))
    return Interval(float(low), float(high), method)
