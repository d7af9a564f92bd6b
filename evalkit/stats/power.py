"""How many samples a gate needs to be decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan, sqrt
from statistics import NormalDist

CHANCE = 0.8
"""The chance with which the stated number of samples decides a gate."""
_MOST = 10**12
_MANY = 10**8
_WHOLE = 2_000


@dataclass(frozen=True, slots=True)
class NearSide:
    """The side of a score's interval that faces a threshold.

    value: the score over n samples; bound: that end of its interval at ``confidence``. end: of the
    range of the score on that side, infinite if it has none. standard_error: of the value; NaN
    where it is unknown. share: the score is a share of samples, with :func:`proportion`'s interval.
    width_at: the distance of the bound from the value at another number of samples, if
    known.
    """

    value: float
    bound: float
    n: int
    confidence: float
    end: float = inf
    standard_error: float = nan
    share: bool = False
    width_at: Callable[[int], float] | None = None


def samples_to_settle(near: NearSide, threshold: float) -> int | None:
    """The number of samples that decides a gate with a chance of 80 %, given the observed score.

    A new sample scatters around the value: its interval must clear the threshold in four of five
    draws. The interval of a share is computed for every n; of any other
    score, the part of its width that is due to scatter shrinks with the square root of n, and
    the rest, which remains without scatter, like that of n equal values (1 - α^(1/n)). None
    if the value equals the threshold, which no number of samples decides.
    """
    gap = abs(near.value - threshold)
    if gap <= 1e-12:
        return None
    lowest, highest = near.n, max(2 * near.n, 16)
    cleared = _share_clears if near.share else _width_clears(near)
    while not cleared(near, threshold, highest):
        lowest, highest = highest, 2 * highest
        if highest > _MOST:
            return None
    while highest - lowest > 1:
        middle = (lowest + highest) // 2
        lowest, highest = (
            (lowest, middle) if cleared(near, threshold, middle) else (middle, highest)
        )
    if near.share and highest < _WHOLE:  # hits are integers: slightly fewer samples may suffice
        candidates = range(max(near.n + 1, highest * 9 // 10), highest)
        highest = next((n for n in candidates if cleared(near, threshold, n)), highest)
    return highest


def _share_clears(near: NearSide, threshold: float, n: int) -> bool:
    """Whether n samples of a share decide with that chance; by the binomial distribution."""
    from scipy.special import bdtr, bdtrc

    from evalkit.stats.intervals import proportion  # NumPy, which reading suites must not import

    upwards = near.value > threshold
    fewest, most = -1, n + 1  # hits that do not decide on either side of those that do
    while most - fewest > 1:
        hits = (fewest + most) // 2
        low, high, _ = proportion(hits, n, near.confidence)
        decided = low >= threshold if upwards else high > threshold
        fewest, most = (fewest, hits) if decided else (hits, most)
    if upwards:
        return most <= n and float(bdtrc(most - 1, n, near.value)) >= CHANCE
    return fewest >= 0 and float(bdtr(fewest, n, near.value)) >= CHANCE


def _width_clears(near: NearSide) -> Callable[[NearSide, float, int], bool]:
    z = NormalDist().inv_cdf(0.5 + near.confidence / 2)
    width = abs(near.value - near.bound)
    if near.width_at is not None:  # for very many samples all width is scatter
        width = near.width_at(_MANY) * sqrt(_MANY / near.n)
    scatter = width / z if isnan(near.standard_error) else min(near.standard_error, width / z)
    spread = scatter * sqrt(near.n)
    rest, room = max(0.0, width - z * scatter), abs(near.end - near.value)
    share = rest / room if isfinite(room) and room > 0 else 0.0

    def clears(near: NearSide, threshold: float, n: int) -> bool:
        away = NormalDist().inv_cdf(CHANCE) * spread / sqrt(n)
        if near.width_at is not None:
            away += near.width_at(n)
        else:
            away += z * spread / sqrt(n)
            more = near.n / n
            away += room * (1 - (1 - share) ** more) if 0 < share < 1 else rest * more
        return away <= abs(near.value - threshold)

    return clears
