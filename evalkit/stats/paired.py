"""Comparing two cells on the samples both have.

The same samples answered twice are paired: what matters is the difference on each sample, not
how the samples differ among themselves. Everything here takes two columns in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.bootstrap import RESAMPLES, bootstrap_mean, bootstrap_sums
from evalkit.stats.intervals import NONE, Interval, t_interval, wilson

_MANY = 10_000  # differences, from which on resampling has nothing to add


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much better b is than a.

    difference: mean of b minus a. low, high: its interval. p: two-sided p-value of no
    difference. wins, losses: samples where b is above or below a; ties: the rest. test: the
    name of the test. n: samples both have.
    """

    difference: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int
    n: int
    test: str


def compare(a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, seed: int = 0) -> Comparison:
    """Compare per-sample values of two cells, shapes (n,), choosing the test by the values.

    0/1 values: McNemar's exact test, with the interval of Newcombe's paired score method. Else:
    paired t test with the paired bootstrap's interval (over 10,000 samples Student's, which is then
    the same).
    Undefined p-values (no samples, no variation) are 1 where all values agree.
    """
    first, second = _pair(a, b)
    n = len(first)
    wins, losses = int((second > first).sum()), int((second < first).sum())
    counts = {"wins": wins, "ties": n - wins - losses, "losses": losses, "n": n}
    if n == 0:
        return Comparison(nan, nan, nan, nan, **counts, test="")
    difference = float((second - first).mean())
    if _binary(first) and _binary(second):
        low, high, _ = paired_proportions(first, second, confidence)
        p = mcnemar(wins, losses)
        return Comparison(difference, low, high, p, **counts, test="McNemar, exact")
    if n > _MANY:
        low, high, _ = t_interval(second - first, confidence)
    else:
        resamples = RESAMPLES if n <= 2_000 else 2_000
        low, high, _ = paired_bootstrap(
            first, second, confidence=confidence, seed=seed, resamples=resamples
        )
    p = paired_t(first, second)
    return Comparison(difference, low, high, p, **counts, test="paired t")


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided p-value that wins and losses are equally likely.

    The samples on which the two agree say nothing about which is better, so this is a
    binomial test over the others; 1 when there are none.

    Source: Q. McNemar, Psychometrika 12 (1947) 153-157; exact form as in A. Agresti,
    Categorical Data Analysis, 3rd ed. (2013), section 11.1.
    """
    from scipy.special import bdtr

    n = wins + losses
    if n == 0:
        return 1.0
    return float(min(1.0, 2 * bdtr(min(wins, losses), n, 0.5)))


def paired_proportions(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Interval:
    """Interval of the difference of two proportions over the same samples (b minus a).

    a, b: 0/1, shape (n,). Newcombe's method 10: the square-and-add of the two Wilson intervals
    with the correlation of the columns.

    Source: R. G. Newcombe, Improved confidence intervals for the difference between binomial
    proportions based on paired data, Statistics in Medicine 17 (1998) 2635-2650.
    """
    first, second = _pair(a, b)
    n = len(first)
    if n == 0:
        return NONE
    both = int(((first == 1) & (second == 1)).sum())
    only_a = int(((first == 1) & (second == 0)).sum())
    only_b = int(((first == 0) & (second == 1)).sum())
    neither = n - both - only_a - only_b
    p_b, p_a = (both + only_b) / n, (both + only_a) / n
    low_b, high_b, _ = wilson(both + only_b, n, confidence)
    low_a, high_a, _ = wilson(both + only_a, n, confidence)
    phi = _newcombe_phi(both, only_b, only_a, neither, n)
    below = (p_b - low_b) ** 2 + (high_a - p_a) ** 2 - 2 * phi * (p_b - low_b) * (high_a - p_a)
    above = (high_b - p_b) ** 2 + (p_a - low_a) ** 2 - 2 * phi * (high_b - p_b) * (p_a - low_a)
    difference = p_b - p_a
    low = difference - sqrt(max(below, 0.0))
    high = difference + sqrt(max(above, 0.0))
    return Interval(low, high, "newcombe")


def _newcombe_phi(both: int, only_b: int, only_a: int, neither: int, n: int) -> float:
    margins = (both + only_b) * (only_a + neither) * (both + only_a) * (only_b + neither)
    if margins == 0:
        return 0.0
    cross = float(both * neither - only_b * only_a)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)  # the correction of the source, for positive association
    return float(cross / sqrt(margins))


def paired_t(a: ArrayLike, b: ArrayLike) -> float:
    """Two-sided p-value of Student's paired t test; 1 when the columns are equal.

    0 when all differences are the same and not 0; NaN for fewer than two samples.
    """
    from scipy.special import stdtr

    first, second = _pair(a, b)
    n = len(first)
    if n < 2:
        return nan
    d = second - first
    spread = float(d.std(ddof=1))
    if spread <= 1e-15 * max(1.0, float(np.abs(d).max())):
        return 1.0 if abs(float(d.mean())) <= 1e-15 else 0.0
    return float(2 * stdtr(n - 1, -abs(float(d.mean())) / (spread / sqrt(n))))


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of the mean difference b minus a: both columns are resampled together."""
    first, second = _pair(a, b)
    return bootstrap_mean(second - first, confidence=confidence, seed=seed, resamples=resamples)


def paired_bootstrap_sums(
    a: ArrayLike,
    b: ArrayLike,
    statistic: Callable[[NDArray[Any]], NDArray[np.float64]],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of the difference of two corpus scores (b minus a), resampled together.

    a, b: shape (n, k), what each sample adds to the sums of ``statistic`` (see stats.bootstrap).
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    k = first.shape[1]
    return bootstrap_sums(
        np.hstack([first, second]),
        lambda sums: statistic(sums[:, k:]) - statistic(sums[:, :k]),
        confidence=confidence,
        seed=seed,
        resamples=resamples,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given; they keep the family-wise error rate.

    Undefined ones (NaN) stay undefined and count as no comparison.

    Source: S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scand. J.
    Statist. 6 (1979) 65-70.
    """
    known = [i for i, p in enumerate(p_values) if not np.isnan(p)]
    adjusted = [nan] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(known) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def non_inferior(low: float, margin: float) -> bool:
    """Whether b is no worse than a by more than ``margin`` ≥ 0, given the interval's low end.

    ``low`` is the lower end of a two-sided interval of b minus a at confidence 1 - 2α: the
    one-sided test at level α (a 90 % interval for α = 5 %, a 95 % one for 2.5 %).
    """
    return low >= -margin


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired columns differ in length: {first.shape} and {second.shape}")
    return first, second


def _binary(x: NDArray[np.float64]) -> bool:
    return bool(np.isin(x, (0.0, 1.0)).all())
