"""Intervals of bounded scores: against exact ones, brute force, and what no data can show."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from evalkit.stats.bounded import (
    mean_interval,
    ratio_error,
    ratio_interval,
    resampled_interval,
    unbounded_interval,
)
from evalkit.stats.intervals import proportion
from tests.stats.reference import bounds


@pytest.mark.parametrize(
    ("hits", "n"), [(5, 5), (0, 5), (4, 5), (1, 500), (95, 100), (500, 500), (2, 2), (50, 100)]
)
def test_for_proportions_it_is_the_exact_interval(hits: int, n: int) -> None:
    low, high, _ = mean_interval([1.0] * hits + [0.0] * (n - hits))
    assert low == pytest.approx(beta.ppf(0.025, hits, n - hits + 1) if hits else 0, abs=0.003)
    assert high == pytest.approx(beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1, abs=0.003)


@pytest.mark.parametrize("n", [3, 10, 50])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.995])
def test_for_a_mean_it_equals_brute_force(n: int, confidence: float) -> None:
    values = np.random.default_rng(n).beta(2, 5, n)
    expected = bounds(values, confidence=confidence)
    assert mean_interval(values, confidence=confidence)[:2] == pytest.approx(expected, abs=0.004)


def test_for_a_ratio_it_equals_brute_force() -> None:
    rng = np.random.default_rng(4)
    wholes = rng.integers(0, 4, 30).astype(float)
    parts = rng.binomial(wholes.astype(int), 0.8)
    assert ratio_interval(parts, wholes)[:2] == pytest.approx(bounds(parts, wholes), abs=0.004)
    units = (np.arange(30) // 3).tolist()
    summed = parts.reshape(10, 3).sum(axis=1), wholes.reshape(10, 3).sum(axis=1)
    made = ratio_interval(parts, wholes, units=units)
    assert made[:2] == pytest.approx(bounds(*summed), abs=0.004)


def test_many_values_are_drawn_together_at_no_cost() -> None:
    values = np.random.default_rng(0).beta(2, 5, 3_000)
    whole = mean_interval(values)
    error = values.std(ddof=1) / math.sqrt(3_000)
    assert whole.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    started = time.perf_counter()
    mean_interval(np.random.default_rng(0).beta(2, 5, 100_000))
    assert time.perf_counter() - started < 1


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12),
    st.sampled_from([0.8, 0.95, 0.995]),
)
def test_it_contains_the_mean_and_has_a_width(values: list[float], confidence: float) -> None:
    low, high, _ = mean_interval(values, confidence=confidence)
    mean = float(np.mean(values))
    assert -1e-9 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1 + 1e-9
    assert high - low > 0.5 / len(values) * (1 - 0.995**0.5)


def test_it_scales_with_the_range() -> None:
    values = np.array([0.2, 0.5, 0.9, 0.9])
    low, high, _ = mean_interval(values)
    scaled = mean_interval(1 + 4 * values, low=1, high=5)
    assert scaled[:2] == pytest.approx((1 + 4 * low, 1 + 4 * high))


def test_two_equal_values_give_a_wide_interval() -> None:
    """[.81, .83] passed ``>= .8`` with an interval of [.81, .83]."""
    low, high, _ = mean_interval([0.81, 0.83])
    assert low < 0.2
    assert high > 0.95


def test_the_bounds_are_ordered() -> None:
    """Of [1, 1, 0] at 99.5 % both ends were 1."""
    low, high, _ = mean_interval([1, 1, 0], confidence=0.995)
    assert low < 2 / 3 < high


def test_one_unit_has_no_interval() -> None:
    assert math.isnan(mean_interval([1.0, 0.0, 1.0], units=["a"] * 3).low)
    together = mean_interval([1.0] * 12, units=list("aaaabbbbcccc"))
    assert together.low == pytest.approx(beta.ppf(0.025, 3, 1), abs=0.02)


def test_the_clustered_standard_error_is_bell_and_mccaffreys() -> None:
    """For equal clusters: Student's standard error of their means, with clusters - 1."""
    values = np.random.default_rng(2).random(24)
    error, freedom = ratio_error(values, np.ones(24), (np.arange(24) // 4).tolist())
    means = values.reshape(6, 4).mean(axis=1)
    assert error == pytest.approx(means.std(ddof=1) / math.sqrt(6))
    assert freedom == pytest.approx(5)
    _, fewer = ratio_error(values, np.ones(24), [0] * 12 + list(range(1, 13)))
    assert fewer < 4, "one cluster holds half of the samples"


def test_the_clustered_standard_error_equals_published_values() -> None:
    """Four clusters of four, independently computed: 0.1624 times the root of 4/3."""
    values = [1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1]
    error, _ = ratio_error(values, np.ones(16), ["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 4)
    assert error == pytest.approx(0.1875, abs=5e-5)
    alone, freedom = ratio_error(values, np.ones(16))
    assert alone == pytest.approx(np.std(values, ddof=1) / 4)
    assert freedom == pytest.approx(15)


def test_an_interval_without_an_upper_bound() -> None:
    low, high, method = unbounded_interval(10.0, 1.0, 20, floor=0.0)
    half = 2.0859634
    assert (low, method) == (pytest.approx(10 - half), "t")
    assert high == pytest.approx(10 / (1 - half / 10))
    assert math.isnan(unbounded_interval(1.0, 0.0, 4, floor=0.0).low), "no variation"
    assert math.isnan(unbounded_interval(1.0, 0.5, 4, floor=0.0).low), "nothing is bounded"
    both = unbounded_interval(-3.0, 1.0, 20)
    assert both[:2] == pytest.approx((-3 - half, -3 + half))


def test_resampling_includes_the_extra_unit() -> None:
    values = np.array([0.2, 0.9, 0.7, 1.0, 0.4])
    made = resampled_interval(
        lambda w: (w @ values) / w.sum(axis=1), float(values.mean()), 5, low=0.0, high=1.0
    )
    assert made[:2] == pytest.approx(bounds(values), abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 10, 19, 20, 60])
def test_a_proportion_never_errs_more_often_than_its_confidence(n: int) -> None:
    """On each side, for every share; Wilson's own bounds do, by up to three times."""
    hits = np.arange(n + 1)
    ends = np.array([proportion(int(k), n)[:2] for k in hits])
    shares = np.unique(np.concatenate([ends.ravel(), np.linspace(0.001, 0.999, 300)]))
    for p in shares[(shares > 0) & (shares < 1)]:
        chance = binom.pmf(hits, n, p)
        assert chance[ends[:, 0] > p + 1e-12].sum() <= 0.05 + 1e-9
        assert chance[ends[:, 1] < p - 1e-12].sum() <= 0.05 + 1e-9
