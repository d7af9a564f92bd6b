"""Pairwise verdicts from both orders, and Bradley-Terry strengths from many verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.bayesian_bootstrap import exponential_weights, posterior_bounds

Floats = NDArray[np.float64]
RESAMPLES = 4_000
HALF_A_WIN = 0.5
"""Added to each side of each pair before strengths are estimated from few comparisons, so that a
candidate that never lost has a finite one."""


def verdict(first_wins: float, first_wins_swapped: float) -> float:
    """The result of the text that stood first in the first order: 1, 0, or ½ for a tie.

    first_wins: 1 when the judge preferred the text that stood first, in the first order;
    first_wins_swapped: the same with the two swapped. A judge that prefers a position, not a text,
    contradicts itself, which is a tie. Swapping the two gives 1 minus the same.

    >>> verdict(1, 0), verdict(0, 1), verdict(1, 1)
    (1.0, 0.0, 0.5)
    """
    return (first_wins + 1.0 - first_wins_swapped) / 2


class Strengths(NamedTuple):
    """Log strengths with mean 0, and the ends of their intervals."""

    values: Floats
    low: Floats
    high: Floats


def bradley_terry(wins: ArrayLike) -> Floats:
    """The log strengths θ that maximise the likelihood: P(i beats j) = 1 / (1 + e^(θj - θi)).

    wins: shape (..., k, k), how often i beat j; a tie is half a win for each. Returns shape
    (..., k), mean 0. The maximum exists when every candidate can be reached from every other
    along wins; otherwise strengths grow until the iterations end. MM steps, then Newton's.

    Sources: R. A. Bradley and M. E. Terry, Biometrika 39 (1952) 324-345; D. R. Hunter, Ann. Stat.
    32 (2004) 384-406, equation 3.
    """
    table = np.array(wins, dtype=np.float64)
    k = table.shape[-1]
    table[..., np.arange(k), np.arange(k)] = 0.0
    played = table + np.swapaxes(table, -1, -2)
    won = table.sum(axis=-1)
    theta = np.zeros(won.shape)
    for _ in range(30):
        strength = np.exp(theta)
        sums = strength[..., :, None] + strength[..., None, :]
        theta = np.log(np.maximum(won, 1e-12) / np.maximum((played / sums).sum(axis=-1), 1e-12))
        theta = np.clip(theta - theta.mean(axis=-1, keepdims=True), -30, 30)
    for _ in range(50):
        chance = 1 / (1 + np.exp(theta[..., None, :] - theta[..., :, None]))
        gradient = won - (played * chance).sum(axis=-1)
        curve = played * chance * (1 - chance)
        hessian = -curve
        hessian[..., np.arange(k), np.arange(k)] += curve.sum(axis=-1)
        # Strengths are determined up to a constant; fixing their mean makes the system regular.
        step = np.linalg.solve(hessian + 1.0 / k + 1e-12 * np.eye(k), gradient[..., None])[..., 0]
        theta = theta + np.clip(step, -1, 1)
        theta = theta - theta.mean(axis=-1, keepdims=True)
        if np.abs(step).max() < 1e-12:
            break
    return theta


def strengths(tables: Sequence[ArrayLike], *, confidence: float = 0.95, seed: int = 0) -> Strengths:
    """Bradley-Terry strengths of k candidates with Bayesian bootstrap intervals over samples.

    tables: one of shape (k, k) for each sample, what i got against j (1, ½, 0). ``HALF_A_WIN`` is
    added to each side of every pair that was compared. In a draw it is a Gamma variable of that
    mean, so that of two candidates without ties the share of wins has Jeffreys' posterior: one
    that won every time is not certain to be stronger by the same amount.
    """
    each = np.array([np.asarray(table, dtype=np.float64) for table in tables])
    n, k, _ = each.shape
    total = each.sum(axis=0)
    met = (total + total.T) > 0
    values = bradley_terry(total + HALF_A_WIN * met)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate(
        [
            bradley_terry(
                (weights @ each.reshape(n, -1)).reshape(-1, k, k)
                + rng.gamma(HALF_A_WIN, size=(len(weights), k, k)) * met
            )
            for weights in exponential_weights(n, rng, RESAMPLES)
        ]
    )
    low, high = posterior_bounds(drawn, max(n, 2), confidence)
    return Strengths(values, np.minimum(low, values), np.maximum(high, values))
