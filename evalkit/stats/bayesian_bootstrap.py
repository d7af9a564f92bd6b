"""The proper Bayesian bootstrap: intervals that allow for unseen cases.

Resampling only repeats the observed cases: a judge that agreed with people on all of 20 cases
agrees in every resample. Here each draw weighs the cases at random and adds one more, a
hypothetical case. With none of n cases in error, the upper bound of the share of
errors is then near 3.7/n at 95 %, which is the exact one (the rule of three, two-sided).

Sources: D. B. Rubin, The Bayesian Bootstrap, Ann. Stat. 9 (1981) 130-134; with a prior, P. Muliere
and P. Secchi, Bayesian Nonparametric Predictive Inference and Bootstrap Techniques, Ann. Inst.
Statist. Math. 48 (1996) 663-673, here with a prior of the weight ``PRIOR``. Quantiles are widened
for small n (T. Hesterberg, The American Statistician 69 (2015) 371-386, section 4.3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.intervals import NONE, Interval

FloatArray = NDArray[np.float64]
RESAMPLES = 4_000
PRIOR = 1.25
"""The mean weight of the extra case. If half of the hypothetical cases are
errors, the share of errors beyond x/n has the probability exp(-x/1.25)/2: 2.5 % at x = 3.7."""
_CELLS = 4_000_000  # numbers in memory at a time


def posterior_interval(
    rows: ArrayLike,
    unseen: ArrayLike,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of a score that is a function of sums over n cases; it holds the score itself.

    rows: shape (n, k), what each case adds to the sums. unseen: shape (m, k), the same for cases
    that might have been there, each as likely as the others. statistic: maps sums of shape (r, k)
    to r scores. None for n < 2, for an undefined score, and when fewer than half of the draws have
    a score.
    """
    table = np.asarray(rows, dtype=np.float64)
    n = len(table)
    if n < 2:
        return NONE
    value = float(statistic(table.sum(axis=0)[np.newaxis])[0])
    drawn = np.concatenate(
        [statistic(sums) for sums in posterior_sums(table, unseen, seed=seed, resamples=resamples)]
    )
    usable = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or len(usable) < len(drawn) / 2:
        return NONE
    low, high = posterior_bounds(usable, n, confidence)
    return Interval(min(value, float(low)), max(value, float(high)), "bayesian bootstrap")


def posterior_sums(
    rows: ArrayLike, unseen: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> Iterator[FloatArray]:
    """Draws of the sums over n cases of the population, in chunks of shape (r, k)."""
    table, others = np.asarray(rows, dtype=np.float64), np.asarray(unseen, dtype=np.float64)
    rng = np.random.default_rng(seed)
    for weights in exponential_weights(len(table), rng, resamples):
        extra = rng.exponential(PRIOR, size=(len(weights), 1))
        sums = weights @ table + extra * others[rng.integers(len(others), size=len(weights))]
        yield sums * (len(table) / (weights.sum(axis=1, keepdims=True) + extra))


def exponential_weights(n: int, rng: np.random.Generator, resamples: int) -> Iterator[FloatArray]:
    """The weights of n cases in each draw, of mean 1, in chunks of shape (r, n)."""
    step = max(1, _CELLS // max(1, n))
    for start in range(0, resamples, step):
        yield rng.exponential(size=(min(step, resamples - start), n))


def posterior_bounds(drawn: FloatArray, n: int, confidence: float) -> FloatArray:
    """The lower and the upper quantile of draws, over their first axis, from n ≥ 2 cases."""
    bounds: FloatArray = np.quantile(drawn, tails(n, confidence), axis=0)
    return bounds


def tails(n: int, confidence: float) -> FloatArray:
    """The levels of the two quantiles that bound an interval over n ≥ 2 cases."""
    from scipy.special import ndtr, stdtrit

    z = float(stdtrit(n - 1, 0.5 + confidence / 2)) * sqrt(n / (n - 1))
    levels: FloatArray = ndtr(np.array([-z, z]))
    return levels
