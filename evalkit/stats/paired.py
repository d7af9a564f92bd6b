"""Comparing two cells on the samples both have.

The same samples answered twice are paired: what matters is the difference on each sample, not
how the samples differ among themselves. Everything here takes two columns in the same order. An
interval and the p-value beside it come from one test: the interval contains 0 exactly if the test
does not reject.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.differences import (
    NOTHING_SEEN,
    Differences,
    Ends,
    by_cluster,
    conditional_ends,
    joined,
    of_values,
    student_ends,
)
from evalkit.stats.intervals import NONE, Interval
from evalkit.stats.permutation import Tested, least_p, sign_flip

Floats = NDArray[np.float64]
_MANY = 10_000  # differences from which permutations add nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much better b is than a.

    difference: mean of b minus a. low, high: its interval; NaN where there is none, and note says
    why. p: two-sided p-value of no difference; mid_p: the less strict one of McNemar's test, NaN of
    others. wins, losses: samples where b is above or below a; ties: the rest. n: samples both have.
    test: the name of the test. seen: what an interval over another number of samples is made of.
    """

    difference: float
    wins: int
    ties: int
    losses: int
    n: int
    low: float = nan
    high: float = nan
    p: float = nan
    mid_p: float = nan
    test: str = ""
    seen: Differences | None = None
    note: str = ""


def compare(
    a: ArrayLike,
    b: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    width: float = inf,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare per-sample values of two cells, shapes (n,), choosing the test by the values.

    0/1 values: McNemar's exact test. Else: the permutation test that turns the signs of
    differences, all ways where few samples differ, else ways drawn at random; over 10,000 samples
    the paired t test, its limit. Intervals invert these tests, and are as wide at least as
    the score interval of :mod:`evalkit.stats.differences`, so that they have a width where all
    differences are the same. Values in clusters: whole clusters are turned.

    clusters: of each sample, its cluster. width: of the range of the values; without one the widest
    gap between values that occur stands in for it. The result is NaN for fewer than two samples or
    clusters, except for two columns of 0/1.
    """
    first, second = _pair(a, b)
    values, n = second - first, len(first)
    wins, losses = int((values > 0).sum()), int((values < 0).sum())
    known = Comparison(float(values.mean()) if n else nan, wins, n - wins - losses, losses, n)
    units = n if clusters is None else len(set(clusters))
    if units == n and n and _binary(first) and _binary(second):
        seen, (low, high) = _proportions(wins, losses, n, confidence)
        p, mid_p = mcnemar(wins, losses), mcnemar_mid_p(wins, losses)
        test = "McNemar, exact"
        return replace(known, low=low, high=high, p=p, mid_p=mid_p, test=test, seen=seen)
    if units < 2:
        return known
    gap = float(np.ptp(np.concatenate([first, second])))
    most = max(width if isfinite(width) else gap, float(np.abs(values).max()))
    seen = of_values(values, most, clusters if units < n else None)
    tested, test = _tested(values, clusters if units < n else None, seen, confidence, seed)
    known = replace(known, p=tested.p, test=test)
    if note := _no_interval(tested, units, width, most, confidence):
        return replace(known, note=note)
    low, high = joined(seen, tested.ends, tested.p <= 1 - confidence + 1e-12, confidence)
    return replace(known, low=low, high=high, seen=seen)


def _tested(
    values: Floats,
    clusters: Sequence[Hashable] | None,
    seen: Differences,
    confidence: float,
    seed: int,
) -> tuple[Tested, str]:
    """The test of a mean difference, and its name."""
    from scipy.special import stdtr

    sums, sizes = by_cluster(values, clusters)
    kind = "" if clusters is None else ", clustered"
    if len(sums) > _MANY:
        far = abs(seen.value) / seen.error if seen.error else inf
        p = 1.0 if seen.value == 0 else max(float(2 * stdtr(seen.n - 1, -far)), least_p(confidence))
        return Tested(p, student_ends(seen, confidence), False), f"paired t{kind}"
    found = sign_flip(sums, sizes, confidence=confidence, seed=seed)
    return found, f"permutation{', exact' if found.exact else ''}{kind}"


def _no_interval(tested: Tested, units: int, width: float, most: float, confidence: float) -> str:
    """Why values without a range have no interval, or ""."""
    if isfinite(width):
        return ""
    if most == 0:
        return NOTHING_SEEN
    if not isfinite(tested.ends.low):
        level = f"{confidence * 100:.4g} %"
        return f"{units} samples are too few for a {level} interval of values without a range"
    return ""


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


def mcnemar_mid_p(wins: int, losses: int) -> float:
    """The mid-p-value of McNemar's test: what was observed counts half.

    Closer to the level than the exact test, which stays below it; now and then above.

    Source: M. W. Fagerland, S. Lydersen and P. Laake, The McNemar test for binary matched-pairs
    data, BMC Medical Research Methodology 13 (2013) 91.
    """
    from scipy.special import bdtr

    n, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    return float(bdtr(fewer, n, 0.5) + (bdtr(fewer - 1, n, 0.5) if fewer else 0.0))


def paired_proportions(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Interval:
    """Interval of the difference of two proportions over the same samples (b minus a).

    a, b: 0/1, shape (n,). It contains 0 exactly if :func:`mcnemar` does not reject: the interval
    implied by that test, or Tango's score interval where that is wider.
    """
    first, second = _pair(a, b)
    if len(first) == 0:
        return NONE
    wins, losses = int((second > first).sum()), int((second < first).sum())
    _, (low, high) = _proportions(wins, losses, len(first), confidence)
    return Interval(low, high, "tango")


def _proportions(wins: int, losses: int, n: int, confidence: float) -> tuple[Differences, Ends]:
    differ = (wins + losses) / n
    seen = Differences((wins - losses) / n, wins / n, losses / n, differ, 1.0, n, binary=True)
    rejected = mcnemar(wins, losses) <= 1 - confidence + 1e-12
    return seen, joined(seen, conditional_ends(seen, confidence), rejected, confidence)


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


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired columns differ in length: {first.shape} and {second.shape}")
    return first, second


def _binary(x: Floats) -> bool:
    return bool(np.isin(x, (0.0, 1.0)).all())
