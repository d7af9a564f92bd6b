"""How many samples a gate needs to be decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan, sqrt
from statistics import NormalDist

from evalkit.stats.intervals import proportion

CHANCE = 0.8
"""How likely the number of samples that is named decides a gate."""
_MOST = 10**12
_MANY = 10**8


@dataclass(frozen=True, slots=True)
class Facing:
    """The side of a score's interval that faces a threshold.

    value: the score over n samples; bound: that end of its interval at ``confidence``. end: of the
    range of the score on that side, infinite if it has none. standard_error: of the value; NaN
    where it is unknown. share: the score is a share of samples, with :func:`proportion`'s interval.
    width_at: how far the bound would be from the value over another number of samples, where that
    can be told.
    """

    value: float
    bound: float
    n: int
    confidence: float
    end: float = inf
    standard_error: float = nan
    share: bool = False
    width_at: Callable[[int], float] | None = None


def samples_to_settle(facing: Facing, threshold: float) -> int | None:
    """Samples with which a gate is decided with a chance of 80 %, if the score is what it seems.

    What is drawn anew scatters around the value: its interval must clear the threshold also from
    where four of five draws lie. The interval of a share is computed for every n; of any other
    score, the part of its width that is due to scatter shrinks with the square root of n, and
    the rest, which is there even without any, from the whole range at n = 0 as c/(n + c). None
    when the value is the threshold, which no number of samples settles.
    """
    gap = abs(facing.value - threshold)
    if gap <= 1e-12:
        return None
    lowest, highest = facing.n, max(2 * facing.n, 16)
    cleared = _share_clears if facing.share else _width_clears(facing)
    while not cleared(facing, threshold, highest):
        lowest, highest = highest, 2 * highest
        if highest > _MOST:
            return None
    while highest - lowest > 1:
        middle = (lowest + highest) // 2
        lowest, highest = (
            (lowest, middle) if cleared(facing, threshold, middle) else (middle, highest)
        )
    return highest


def _share_clears(facing: Facing, threshold: float, n: int) -> bool:
    p = facing.value
    scatter = NormalDist().inv_cdf(CHANCE) * sqrt(p * (1 - p) / n)
    if p > threshold:
        return proportion(max(0.0, p - scatter) * n, n, facing.confidence).low >= threshold
    return proportion(min(1.0, p + scatter) * n, n, facing.confidence).high <= threshold


def _width_clears(facing: Facing) -> Callable[[Facing, float, int], bool]:
    z = NormalDist().inv_cdf(0.5 + facing.confidence / 2)
    width = abs(facing.value - facing.bound)
    if facing.width_at is not None:  # of very many samples all width is scatter
        width = facing.width_at(_MANY) * sqrt(_MANY / facing.n)
    scatter = width / z if isnan(facing.standard_error) else min(facing.standard_error, width / z)
    spread = scatter * sqrt(facing.n)
    rest, room = max(0.0, width - z * scatter), abs(facing.end - facing.value)
    c = facing.n * rest / (room - rest) if isfinite(room) and rest < room else nan

    def clears(facing: Facing, threshold: float, n: int) -> bool:
        away = NormalDist().inv_cdf(CHANCE) * spread / sqrt(n)
        if facing.width_at is not None:
            away += facing.width_at(n)
        else:
            away += z * spread / sqrt(n)
            away += rest * facing.n / n if isnan(c) else room * c / (n + c)
        return away <= abs(facing.value - threshold)

    return clears
