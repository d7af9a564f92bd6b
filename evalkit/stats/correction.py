"""Rates and means of judges' grades, corrected for their errors on labelled cases."""

from __future__ import annotations

from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.bayesian_bootstrap import posterior_interval
from evalkit.stats.bounded import mean_interval
from evalkit.stats.intervals import Interval, proportion

FloatArray = NDArray[np.float64]


def rogan_gladen(rate: float, specificity: float, sensitivity: float) -> float:
    """The true rate behind a judge's rate, given how it errs; cut to [0, 1].

    rate: share that the judge calls positive. specificity: its share of negatives called
    negative; sensitivity: of positives called positive. NaN when the judge is no better than
    chance (their sum is 1).

    Source: W. J. Rogan and B. Gladen, Am. J. Epidemiol. 107 (1978) 71-76.
    """
    skill = specificity + sensitivity - 1
    if skill == 0:
        return nan
    return min(1.0, max(0.0, (rate + specificity - 1) / skill))


def rogan_gladen_interval(
    judged: tuple[float, float],
    negatives: tuple[int, int],
    positives: tuple[int, int],
    *,
    raw: Interval | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the corrected rate, counting the uncertainty of the calibration.

    judged: (called positive, all) on the suite. negatives: (called negative, all) of the
    humans' negatives, positives: (called positive, all) of their positives. raw: an interval of
    the judge's rate; default: that of stats.intervals. Delta method over the three proportions,
    with z²/2 successes in z² samples added to the first, one success in two samples to the others,
    and a shift towards the skew. It holds the corrected rate and is never narrower than ``raw``.

    Source: Z. Lang and J. Reiczigel, Prev. Vet. Med. 113 (2014) 13-22, equations 16 and 17.
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    n = judged[1] + z * z
    rate = (judged[0] + z * z / 2) / n
    specificity, n0 = (negatives[0] + 1) / (negatives[1] + 2), negatives[1] + 2
    sensitivity, n1 = (positives[0] + 1) / (positives[1] + 2), positives[1] + 2
    skill = specificity + sensitivity - 1
    if skill <= 0:
        return Interval(0.0, 1.0, "lang-reiczigel")
    true = (rate + specificity - 1) / skill
    shift = (
        2
        * z
        * z
        * (
            true * sensitivity * (1 - sensitivity) / n1
            - (1 - true) * specificity * (1 - specificity) / n0
        )
    )
    variance = (
        rate * (1 - rate) / n
        + true**2 * sensitivity * (1 - sensitivity) / n1
        + (1 - true) ** 2 * specificity * (1 - specificity) / n0
    ) / skill**2
    half = z * sqrt(variance)
    low, high = true + shift - half, true + shift + half
    if negatives[1] and positives[1]:
        value = rogan_gladen(
            judged[0] / judged[1], negatives[0] / negatives[1], positives[0] / positives[1]
        )
        low, high = min(low, value), max(high, value)
    raw = raw or proportion(judged[0], judged[1], confidence)
    return at_least_as_wide(Interval(low, high, "lang-reiczigel"), raw.high - raw.low, 0.0, 1.0)


def prediction_powered_mean(
    human: ArrayLike,
    judged: ArrayLike,
    rest: ArrayLike,
    *,
    low: float,
    high: float,
    raw: Interval | None = None,
    weight: float | None = None,
    confidence: float = 0.95,
) -> tuple[float, Interval]:
    """Mean human grade from a few human labels and many judged samples, with its interval.

    human, judged: shape (m,), both grades of the labelled samples. rest: shape (n,), the judge's
    grades of the others. low, high: the least and the highest grade there is. raw: an interval of
    the mean of ``rest``; default: that of stats.bounded. weight: λ, the part of the judge's error
    that is taken off; 1 where the labelled samples are others than those of the mean. Default: the
    λ of the shortest interval, between 0 (which ignores the judge) and 1, for labels of a random
    part of the same samples.

    The two independent intervals, of λ times the mean of ``rest`` and of the mean of human
    minus λ judged, are joined by the MOVER method. The second is a Bayesian bootstrap's with a
    hypothetical case, to which people and the judge give the least or the highest grade: a few
    labels without an error do not prove that there are none.

    Sources: A. N. Angelopoulos et al., Science 382 (2023) 669-674 for λ = 1, and PPI++
    (arXiv:2311.01453), example 6.1, for the other; G. Y. Zou and A. Donner, Statistics in Medicine
    27 (2008) 1693-1702 for MOVER.
    """
    y, f = np.asarray(human, dtype=np.float64), np.asarray(judged, dtype=np.float64)
    others = np.asarray(rest, dtype=np.float64)
    if len(y) < 2 or len(others) < 2 or len(f) != len(y):
        raise ValueError("needs two human labels with their judgements, and two more judgements")
    if weight is None:
        weight = _power_tuned(y, f, others)
    raw = raw or mean_interval(others, low=low, high=high, confidence=confidence)
    errors = y - weight * f
    unseen = [y_end - weight * f_end for y_end in (low, high) for f_end in (low, high)]
    off = posterior_interval(
        np.column_stack([errors, np.ones(len(errors))]),
        np.column_stack([unseen, np.ones(len(unseen))]),
        lambda sums: sums[:, 0] / sums[:, 1],
        confidence=confidence,
    )
    judge, error = float(others.mean()), float(errors.mean())
    value = weight * judge + error
    below = sqrt((weight * (judge - raw.low)) ** 2 + (error - off.low) ** 2)
    above = sqrt((weight * (raw.high - judge)) ** 2 + (off.high - error) ** 2)
    return value, Interval(value - below, value + above, "ppi")


def _power_tuned(y: FloatArray, f: FloatArray, rest: FloatArray) -> float:
    """PPI++'s λ: the variance of the corrected mean is least."""
    spread = float(np.concatenate([f, rest]).var(ddof=1))
    if not spread:
        return 0.0
    return min(1.0, max(0.0, float(np.cov(y, f)[0, 1]) / ((1 + len(y) / len(rest)) * spread)))


def at_least_as_wide(interval: Interval, width: float, low: float, high: float) -> Interval:
    """An interval within the range low … high, widened on both sides until it has a width.

    A correction that pushes a rate to the end of its range truncates the interval there, which
    must not make it look more certain.
    """
    first, last = max(low, interval.low), min(high, interval.high)
    more = max(0.0, min(width, high - low) - (last - first)) / 2
    first, last = first - more, last + more
    first, last = first - max(0.0, last - high), last + max(0.0, low - first)
    return Interval(max(low, first), min(high, last), interval.method)
