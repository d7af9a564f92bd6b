"""Jackknife intervals, for scores that no other method covers."""

from __future__ import annotations

from math import atanh, sqrt, tanh

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.intervals import NONE, Interval, wilson

LEAST = 5
"""Cases below which an agreement has the whole range for its interval: four cases are in the same
order in one of 24 by chance alone."""
WHOLE = Interval(-1.0, 1.0, "")
_LEAST_DEGREES = 6.0
"""A standard error from one or two cases would make Student's t extremely large."""


def jackknife_error(without: ArrayLike) -> tuple[float, float]:
    """The standard error of a score, and its degrees of freedom.

    without: shape (n,), the score without each of n ≥ 2 cases. The degrees of freedom are
    Satterthwaite's: few where a few cases make up most of the variance, at most n - 1.

    Sources: B. Efron and C. Stein, The Jackknife Estimate of Variance, Ann. Stat. 9 (1981)
    586-596; F. E. Satterthwaite, Biometrics Bulletin 2 (1946) 110-114.
    """
    x = np.asarray(without, dtype=np.float64)
    n = len(x)
    squares = (x - x.mean()) ** 2
    variance = float((n - 1) / n * squares.sum())
    if variance <= 0:
        return 0.0, n - 1.0
    excess = float((squares**2).mean() / squares.mean() ** 2) - 1
    degrees = n - 1.0 if excess <= 0 else min(n - 1.0, max(_LEAST_DEGREES, 2 * n / excess))
    return sqrt(variance), degrees


def jackknife_interval(
    value: float, without: ArrayLike, added: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Student's interval of a score over n cases, which has a width without variation too.

    without: shape (n,), the score without each case. added: shape (m,), the score with one case
    more, for each of m hypothetical cases: the mean square of the change by such a case is
    added to the variance. None for fewer than two cases, and where the score is undefined without
    one of them, since it then rests on that case alone.
    """
    from scipy.special import stdtrit

    left, more = np.asarray(without, dtype=np.float64), np.asarray(added, dtype=np.float64)
    if len(left) < 2 or not np.isfinite(left).all():
        return NONE
    error, degrees = jackknife_error(left)
    moved = more[np.isfinite(more)] - value
    unseen = float((moved**2).mean()) if len(moved) else 0.0
    half = float(stdtrit(degrees, 0.5 + confidence / 2)) * sqrt(error**2 + unseen)
    return Interval(value - half, value + half, "jackknife")


def correlation_interval(
    value: float, without: ArrayLike, chance: float, confidence: float = 0.95
) -> Interval:
    """Interval of a correlation, -1 … 1, over n cases: Student's on Fisher's scale.

    without: shape (n,), the correlation without each case. chance: the probability that a random
    case looks like one that fits. The bound nearer to 0 is drawn towards it as if the share
    of cases that n cases may hide (:func:`hidden_share`) were without any correlation: so a
    perfect one, which has no variation, is bounded like n of n. Below ``LEAST`` cases it is the
    whole range.
    """
    from scipy.special import stdtrit

    left = np.asarray(without, dtype=np.float64)
    n = len(left)
    if n < LEAST:
        return WHOLE
    low = high = value
    if abs(value) < 1 - 1e-9:
        error, degrees = jackknife_error(left)
        half = float(stdtrit(degrees, 0.5 + confidence / 2)) * error / (1 - value * value)
        low, high = tanh(atanh(value) - half), tanh(atanh(value) + half)
    kept = max(0.0, 1 - hidden_share(n, confidence) / (1 - chance)) if chance < 1 else 0.0
    return Interval(low * kept if low > 0 else low, high * kept if high < 0 else high, "jackknife")


def hidden_share(n: int, confidence: float = 0.95) -> float:
    """The share of cases of another kind that n cases of one kind may hide: Wilson's, of 0 of n."""
    return 1 - wilson(n, n, confidence).low
