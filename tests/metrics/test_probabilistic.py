"""Intervals of the calibration error: of a calibrated model, and of one that is not."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.metrics import Columns
from evalkit.metrics.probabilistic import calibration_error, calibration_interval
from evalkit.metrics.registry import Registry
from evalkit.scoring.clustered import Units, dependent
from evalkit.stats.intervals import wilson

Rng = np.random.Generator


def answered(certainty: np.ndarray, hits: np.ndarray) -> Columns:
    """Answers a with these probabilities; right where it hits."""
    rows = np.column_stack([certainty, 1 - certainty])
    targets = [("a",) if hit else ("b",) for hit in hits]
    return Columns(["a"] * len(hits), targets, ("a", "b"), probabilities=rows)


def model(rng: Rng, n: int, overconfident: float = 0.0) -> Columns:
    certainty = rng.uniform(0.5, 1, n)
    return answered(certainty, rng.random(n) < certainty - overconfident)


@pytest.mark.parametrize("n", [20, 50, 200])
def test_a_calibrated_model_is_not_found_uncalibrated(n: int) -> None:
    """Its error is far above 0, and above .05 in most suites; the lower bound says it may be 0."""
    rng = np.random.default_rng(n)
    scores = [calibration_error(model(rng, n), seed=i)["calibration_error"] for i in range(300)]
    assert np.mean([score.value > 0.03 for score in scores]) > 0.8
    assert np.mean([score.low > 0 for score in scores]) <= 0.045  # .025 and its Monte Carlo error
    assert not any(score.low > 0.05 for score in scores)
    assert all(score.low <= score.value <= score.high for score in scores)


def test_an_uncalibrated_model_is_detected_with_enough_samples() -> None:
    rng = np.random.default_rng(1)
    found = [
        calibration_error(model(rng, 300, 0.2), seed=i)["calibration_error"] for i in range(20)
    ]
    assert all(score.low > 0.05 for score in found)
    assert np.mean([score.low <= 0.2 <= score.high for score in found]) >= 0.9


def test_cancelling_over_and_underconfidence_are_detected() -> None:
    """Right in 75 %, whether it says 60 % or 90 %: over all samples there is no gap."""
    rng = np.random.default_rng(2)
    certainty = np.where(rng.random(400) < 0.5, 0.6, 0.9)
    score = calibration_error(answered(certainty, rng.random(400) < 0.75))["calibration_error"]
    assert score.value == pytest.approx(0.15, abs=0.04)
    assert 0.05 < score.low < 0.15 < score.high


@pytest.mark.parametrize("n", [1, 2, 5, 30, 100])
def test_few_certain_right_answers_prove_nothing(n: int) -> None:
    """All of n answers right at a probability of 1: the error is the share of wrong ones."""
    score = calibration_error(answered(np.ones(n), np.ones(n, bool)))["calibration_error"]
    assert (score.value, score.low) == (0.0, 0.0)
    assert score.high > 1 - 0.025 ** (1 / n) - 0.01  # Clopper and Pearson
    assert n < 30 or score.high < 1.5 * (1 - wilson(n, n).low)


def test_clusters_are_resampled_whole() -> None:
    """Five copies of each sample add no information; treated as independent, they seem to."""
    rng = np.random.default_rng(4)
    certainty = rng.uniform(0.5, 1, 60)
    hits = rng.random(60) < certainty
    once = calibration_interval(answered(certainty, hits), 10)
    copies = answered(np.repeat(certainty, 5), np.repeat(hits, 5))
    clusters = np.repeat(np.arange(60), 5).tolist()
    assert calibration_interval(copies, 10, clusters) == pytest.approx(once)
    alone = calibration_interval(copies, 10)
    assert alone.high - alone.low < 0.75 * (once.high - once.low)
    result = calibration_error(copies)
    found = dependent(
        "calibration_error", result, copies, Units(clusters), {}, 0.95, Registry()
    )["calibration_error"]  # fmt: skip
    assert (found.low, found.high) == pytest.approx((once.low, once.high))
    assert found.value == result["calibration_error"].value
