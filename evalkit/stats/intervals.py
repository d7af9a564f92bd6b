"""Closed-form confidence intervals."""

from __future__ import annotations

from math import nan, sqrt
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """Bounds and how they were made: ``wilson``, ``t``, ``bootstrap``, "" when there are none."""

    low: float
    high: float
    method: str


NONE = Interval(nan, nan, "")


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion, without continuity correction.

    successes: 0 … n; may be fractional (a mean of values in [0, 1] times n), for which the
    interval is conservative: no such variable varies more than a 0/1 one of the same mean.
    n = 0 has no interval. Bounds lie in [0, 1]; 0/n is bounded below by exactly 0 and n/n
    above by exactly 1.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical
    Inference, JASA 22 (1927) 209-212.
    """
    if n == 0:
        return NONE
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * sqrt(max(p * (1 - p), 0.0) / n + z * z / (4 * n * n)) / scale
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= n else min(1.0, centre + half)
    return Interval(low, high, "wilson")


def proportion(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson's interval, widened where an exact test requires it.

    Near 0 and 1 Wilson's bounds err far more often than nominal (1 of 10: the lower one in up
    to 17 %, not 2.5 %). Each bound is therefore at least as far out as that of Clopper and Pearson
    at twice the error, so that neither errs more often than 1 - confidence, whatever the share
    and n. Of more than a few successes and failures the two agree and this is Wilson's interval.

    successes, n, bounds: as of :func:`wilson`. Source of the exact bounds: C. J. Clopper and E. S.
    Pearson, Biometrika 26 (1934) 404-413.
    """
    from scipy.special import betaincinv

    if n == 0:
        return NONE
    low, high, method = wilson(successes, n, confidence)
    if successes > 0:
        low = min(low, float(betaincinv(successes, n - successes + 1, 1 - confidence)))
    if successes < n:
        high = max(high, float(betaincinv(successes + 1, n - successes, confidence)))
    return Interval(low, high, method)


def worst_case(
    value: float, n: int, lost: int, low: float = 0.0, high: float = 1.0
) -> tuple[float, float]:
    """The bounds of a mean over n samples if ``lost`` more samples had been scored.

    low, high: the range of a sample's score; all lost ones at one end give one bound.
    """
    total = n + lost
    if total == 0:
        return nan, nan
    known = value * n if n else 0.0
    return (known + low * lost) / total, (known + high * lost) / total
