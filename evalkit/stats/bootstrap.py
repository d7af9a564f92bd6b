"""Bootstrap intervals over sufficient statistics.

A sample is never resampled as text. What a score is made from is counted or summed per
sample once; a resample is then a vector of counts (``bootstrap_counts``) or of sums
(``bootstrap_sums``), and the score is computed for thousands of them at a time.

Bounds are BCa (bias-corrected and accelerated, second-order accurate) or plain percentiles.
Sources: B. Efron, Better Bootstrap Confidence Intervals, JASA 82 (1987) 171-185; for the
small-sample widening of the percentiles, T. Hesterberg, What Teachers Should Know About the
Bootstrap, The American Statistician 69 (2015) 371-386, section 4.3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.intervals import NONE, Interval

FloatArray = NDArray[np.float64]
Statistic = Callable[[NDArray[Any]], FloatArray]
"""From resamples, shape (r, …), to their scores, shape (r,)."""

RESAMPLES = 10_000
_CELLS = 4_000_000  # numbers held at a time: 32 MB, whatever the size of the suite


def bootstrap_counts(
    counts: ArrayLike,
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
    method: str = "bca",
    widen: bool = True,
) -> Interval:
    """Interval of a score that depends on how often each kind of sample occurs.

    counts: how many samples are of each kind, any shape, summing to n; resampling n samples
    is one multinomial draw over the kinds. statistic: maps counts of shape
    (r, \\*counts.shape) to r scores. method: ``bca`` or ``percentile``; ``widen`` corrects the
    percentiles for small n (no effect as n grows). None for n < 2, or when fewer than half of
    the resamples have a score (NaN: undefined).
    """
    table = np.asarray(counts, dtype=np.int64)
    n = int(table.sum())
    if n < 2:
        return NONE
    flat = table.reshape(-1)
    kinds = np.flatnonzero(flat)
    rng = np.random.default_rng(seed)
    share = flat[kinds] / n
    replicates = np.concatenate(
        [
            statistic(_spread(rng.multinomial(n, share, size=size), kinds, table.shape))
            for size in _chunks(resamples, flat.size)
        ]
    )
    point = float(statistic(table[np.newaxis])[0])
    if method == "percentile":
        return _bounds(point, replicates, None, None, n, confidence, widen)
    # Samples of one kind are interchangeable, so the jackknife has one value per kind.
    without = np.concatenate(
        [
            statistic(_leave_out(flat, kinds[start:stop], table.shape))
            for start, stop in _spans(len(kinds), flat.size)
        ]
    )
    return _bounds(point, replicates, without, flat[kinds], n, confidence, widen)


def bootstrap_sums(
    rows: ArrayLike,
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
    method: str = "bca",
    widen: bool = True,
) -> Interval:
    """Interval of a score that is a function of sums over samples (corpus BLEU, a mean, a ratio).

    rows: shape (n, k), what each sample adds to the k sums. statistic: maps sums of shape
    (r, k) to r scores; a mean must divide by a column of ones, since the jackknife's sums are
    over n - 1 samples. Otherwise as :func:`bootstrap_counts`.
    """
    table = np.asarray(rows, dtype=np.float64)
    n = len(table)
    if n < 2:
        return NONE
    replicates = np.concatenate(
        [statistic(weights @ table) for weights in resampling_weights(n, seed, resamples)]
    )
    total = table.sum(axis=0)
    point = float(statistic(total[np.newaxis])[0])
    without = statistic(total - table) if method == "bca" else None
    return _bounds(point, replicates, without, np.ones(n), n, confidence, widen)


def bootstrap_mean(
    values: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
    method: str = "bca",
    widen: bool = True,
) -> Interval:
    """Interval of the mean of n values."""
    x = np.asarray(values, dtype=np.float64)
    levels, counts = np.unique(x, return_counts=True)
    if len(levels) <= len(x) // 4:  # many equal values: resample how often each occurs
        return bootstrap_counts(
            counts, lambda c: (c @ levels) / c.sum(axis=-1),
            confidence=confidence, seed=seed, resamples=resamples, method=method, widen=widen,
        )  # fmt: skip
    return bootstrap_sums(
        np.column_stack([x, np.ones(len(x))]), lambda s: s[:, 0] / s[:, 1],
        confidence=confidence, seed=seed, resamples=resamples, method=method, widen=widen,
    )  # fmt: skip


def resampling_weights(n: int, seed: int, resamples: int) -> Iterator[FloatArray]:
    """How often each of n samples is drawn in each resample: chunks of shape (r, n)."""
    rng = np.random.default_rng(seed)
    for size in _chunks(resamples, n):
        drawn = rng.integers(0, n, size=(size, n), dtype=np.int32 if n * size < 2**31 else np.int64)
        drawn += np.arange(size, dtype=drawn.dtype)[:, np.newaxis] * n
        yield np.bincount(drawn.reshape(-1), minlength=size * n).reshape(size, n).astype(np.float64)


def _bounds(
    point: float,
    replicates: FloatArray,
    without: FloatArray | None,
    weights: NDArray[Any] | None,
    n: int,
    confidence: float,
    widen: bool,
) -> Interval:
    from scipy.special import ndtr, ndtri, stdtrit

    usable = replicates[np.isfinite(replicates)]
    if not np.isfinite(point) or len(usable) < len(replicates) / 2:
        return NONE
    if widen:
        z = float(stdtrit(n - 1, 0.5 + confidence / 2)) * sqrt(n / (n - 1))
    else:
        z = float(ndtri(0.5 + confidence / 2))
    steps = np.array([-z, z])
    if without is not None and weights is not None:
        below = np.count_nonzero(usable < point) + 0.5 * np.count_nonzero(usable == point)
        # A point outside all replicates would give an infinite bias: half a replicate is kept.
        share = min(max(below, 0.5), len(usable) - 0.5) / len(usable)
        bias = float(ndtri(share))
        steps = bias + steps
        scale = 1 - _acceleration(without, weights) * steps
        # Where few values are very skewed the scale reaches 0: that end is the farthest resample.
        beyond = np.where(steps < 0, -np.inf, np.inf)
        steps = np.where(scale > 0, bias + steps / np.where(scale > 0, scale, 1.0), beyond)
    low, high = np.quantile(usable, ndtr(steps))
    return Interval(float(low), float(high), "bootstrap")


def _acceleration(without: FloatArray, weights: NDArray[Any]) -> float:
    kept = np.isfinite(without)
    if not kept.any():
        return 0.0
    mean = float(np.average(without[kept], weights=weights[kept]))
    away = mean - without[kept]
    spread = float(weights[kept] @ away**2)
    # Differences at the level of rounding are no skew.
    if spread <= 1e-24 * max(1.0, mean * mean):
        return 0.0
    return float(float(weights[kept] @ away**3) / (6 * spread**1.5))


def _spread(values: NDArray[Any], kinds: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    full = np.zeros((len(values), int(np.prod(shape))), dtype=values.dtype)
    full[:, kinds] = values
    return full.reshape(len(values), *shape)


def _leave_out(flat: NDArray[Any], kinds: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    full = np.repeat(flat[np.newaxis], len(kinds), axis=0)
    full[np.arange(len(kinds)), kinds] -= 1
    return full.reshape(len(kinds), *shape)


def _chunks(total: int, width: int) -> Iterator[int]:
    size = max(1, _CELLS // max(1, width))
    for start in range(0, total, size):
        yield min(size, total - start)


def _spans(total: int, width: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in _chunks(total, width):
        yield start, start + size
        start += size
