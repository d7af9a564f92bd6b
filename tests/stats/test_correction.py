"""Corrected rates and means: published values, and coverage in simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats.correction import (
    at_least_as_wide,
    prediction_powered_mean,
    rogan_gladen,
    rogan_gladen_interval,
)
from evalkit.stats.intervals import Interval, wilson

STEPS = (1, 2, 3, 4, 5)


def test_rogan_gladen_published() -> None:
    assert rogan_gladen(0.4, 0.7, 0.9) == pytest.approx(0.1667, abs=5e-5)
    assert rogan_gladen(0.1, 0.7, 0.9) == 0.0
    assert math.isnan(rogan_gladen(0.4, 0.5, 0.5))


def test_corrected_intervals_cover_the_truth() -> None:
    """2,000 suites with a judge of specificity .8 and sensitivity .9, true rate .3."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(2000):
        positives = rng.binomial(300, 0.3)
        called = rng.binomial(positives, 0.9) + rng.binomial(300 - positives, 0.2)
        interval = rogan_gladen_interval(
            (called, 300), (rng.binomial(80, 0.8), 80), (rng.binomial(80, 0.9), 80)
        )
        held += interval.low <= 0.3 <= interval.high
    assert 0.935 <= held / 2000 <= 0.98


def test_prediction_powered_intervals_cover_the_truth_and_are_shorter() -> None:
    """300 labels, whose errors are all there is to see; fewer labels leave more open."""
    rng = np.random.default_rng(3)
    held, shorter = 0, 0
    for _ in range(500):
        truth = rng.beta(2, 2, size=2300)
        judged = np.clip(truth + rng.normal(0.05, 0.1, size=2300), 0, 1)  # biased and noisy
        labelled = truth[:300]
        _, interval = prediction_powered_mean(labelled, judged[:300], judged[300:], low=0, high=1)
        held += interval.low <= 0.5 <= interval.high
        shorter += interval.high - interval.low < 2 * 1.96 * labelled.std(ddof=1) / math.sqrt(300)
    assert 0.925 <= held / 500 <= 0.975
    assert shorter / 500 > 0.99


def test_an_uninformative_judge_is_ignored() -> None:
    human = [0.0, 1.0, 1.0, 0.0, 1.0]
    value, _ = prediction_powered_mean(human, [0.5] * 5, [0.5] * 100, low=0, high=1)
    assert value == pytest.approx(0.6)


@pytest.mark.parametrize("labels", [20, 50, 100])
@pytest.mark.parametrize("weight", [None, 1.0])
def test_few_labelled_errors_do_not_prove_that_there_are_none(
    labels: int, weight: float | None
) -> None:
    """People give fives in 80 %; the judge gives some of the rest a five too."""
    rng = np.random.default_rng(labels)
    people = rng.choice(STEPS, p=[0.03, 0.03, 0.04, 0.1, 0.8], size=(250, labels + 200))
    judge = np.where(rng.random(people.shape) < 0.3, 5, people)
    truth = float(np.dot(STEPS, [0.03, 0.03, 0.04, 0.1, 0.8]))
    held, low_above = 0, 0
    for y, f in zip(people, judge, strict=True):
        _, interval = prediction_powered_mean(
            y[:labels], f[:labels], f[labels:], low=1, high=5, weight=weight
        )
        held += interval.low <= truth <= interval.high
        low_above += interval.low > truth
    assert held / 250 >= 0.92
    assert low_above / 250 <= 0.06


@pytest.mark.parametrize("cases", [20, 50, 200])
def test_rates_corrected_by_a_perfect_judge_keep_their_uncertainty(cases: int) -> None:
    """No error among the labelled cases: sensitivity and specificity are .97 all the same."""
    rng = np.random.default_rng(cases)
    half, n, held, times = cases // 2, 300, 0, 1000
    for _ in range(times):
        positives = rng.binomial(n, 0.3)
        called = rng.binomial(positives, 0.97) + rng.binomial(n - positives, 0.03)
        negatives, others = rng.binomial(half, 0.97, size=2)
        low, high, _ = rogan_gladen_interval((called, n), (negatives, half), (others, half))
        held += low <= 0.3 <= high
    assert held / times >= 0.94
    # and where there is surely no error to be seen
    low, high, _ = rogan_gladen_interval((90, n), (half, half), (half, half))
    raw = wilson(90, n)
    assert high - low > raw.high - raw.low


@pytest.mark.parametrize("called", [0, 1, 10, 11, 20])
@pytest.mark.parametrize("right", [(10, 10), (7, 10), (10, 6), (9, 9)])
def test_a_corrected_rate_is_never_more_certain_than_the_raw_one(
    called: int, right: tuple[int, int]
) -> None:
    found = rogan_gladen_interval((called, 20), (right[0], 10), (right[1], 10))
    raw = wilson(called, 20)
    assert found.high - found.low >= raw.high - raw.low - 1e-12
    assert 0 <= found.low <= found.high <= 1
    value = rogan_gladen(called / 20, right[0] / 10, right[1] / 10)
    assert found.low <= value <= found.high


def test_an_interval_is_widened_within_its_range() -> None:
    assert at_least_as_wide(Interval(0.4, 0.5, ""), 0.3, 0, 1)[:2] == pytest.approx((0.3, 0.6))
    assert at_least_as_wide(Interval(0.9, 0.95, ""), 0.3, 0, 1)[:2] == pytest.approx((0.7, 1.0))
    assert at_least_as_wide(Interval(5.2, 5.6, ""), 0.5, 1, 5)[:2] == pytest.approx((4.5, 5.0))
    assert at_least_as_wide(Interval(0.2, 0.9, ""), 0.3, 0, 1)[:2] == pytest.approx((0.2, 0.9))
    assert at_least_as_wide(Interval(0.2, 0.3, ""), 9, 0, 1)[:2] == pytest.approx((0.0, 1.0))
