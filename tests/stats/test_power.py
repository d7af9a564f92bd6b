"""How many samples decide a gate, against the chance that they do."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import pytest
from scipy.stats import binom

from evalkit.stats.intervals import proportion
from evalkit.stats.power import CHANCE, NearSide, samples_to_settle


def side(value: float, n: int, threshold: float) -> NearSide:
    """The side of a share's interval that faces a threshold."""
    low, high, _ = proportion(round(value * n), n, 0.95)
    return NearSide(value, low if value > threshold else high, n, 0.95, share=True)


def chance(value: float, n: int, threshold: float) -> float:
    """The chance that the interval of n samples clears the threshold, over all outcomes."""
    clear = 0.0
    for hits in range(n + 1):
        low, high, _ = proportion(hits, n, 0.95)
        if low >= threshold if value > threshold else high <= threshold:
            clear += float(binom.pmf(hits, n, value))
    return clear


@pytest.mark.parametrize(("value", "threshold"), [(0.9, 0.8), (0.7, 0.8), (0.5, 0.4)])
def test_the_number_decides_with_that_chance_and_fewer_do_not(
    value: float, threshold: float
) -> None:
    needed = samples_to_settle(side(value, 20, threshold), threshold)
    assert needed is not None
    assert needed > 20
    assert chance(value, needed, threshold) >= CHANCE - 0.005
    assert chance(value, needed * 3 // 4, threshold) < CHANCE


def test_nothing_decides_a_value_on_the_threshold() -> None:
    assert samples_to_settle(side(0.8, 20, 0.8), 0.8) is None


def test_half_the_distance_takes_four_times_the_samples() -> None:
    z = NormalDist().inv_cdf(0.975)
    near = NearSide(10, 10 - z * 3 / sqrt(100), 100, 0.95)
    one, half = samples_to_settle(near, 9.8), samples_to_settle(near, 9.9)
    assert one is not None
    assert half == pytest.approx(4 * one, rel=0.01)
