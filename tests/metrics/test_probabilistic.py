"""Intervals of the calibration error: of a calibrated model, and of one that is not."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from evalkit.errors import UsageError
from evalkit.metrics import Columns, compute
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


@pytest.mark.parametrize("metric", ["log_loss", "brier", "auroc", "calibration_error"])
def test_invalid_probabilities_are_an_error(metric: str) -> None:
    for wrong in (math.nan, 1.5, -0.5):
        rows = [[0.5, 0.5], [wrong, 1 - wrong]]
        with pytest.raises(UsageError, match=r"probabilities\[1\] is .* numbers from 0 to 1"):
            compute(metric, ["a", "b"], ["a", "b"], labels=["a", "b"], probabilities=rows)


def probabilities(rng: np.random.Generator, n: int, k: int) -> tuple[list[str], np.ndarray]:
    rows = rng.dirichlet([0.7] * k, size=n)
    if rng.random() < 0.3:
        rows = np.round(rows, 1) + 1e-9  # ties
        rows /= rows.sum(axis=1, keepdims=True)
    if rng.random() < 0.2:
        rows = np.eye(k)[rows.argmax(axis=1)]  # certain, and sometimes wrong
    truth = np.r_[np.arange(k), rng.integers(0, k, size=n - k)] if n >= k else np.zeros(n, int)
    return [f"label {i}" for i in truth], rows


@pytest.mark.usefixtures("no_intervals")
def test_probabilistic_metrics_equal_scikit_learn_on_200_random_cases() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        k = int(rng.integers(2, 5))
        n = int(rng.integers(k, 30))
        targets, rows = probabilities(rng, n, k)
        labels = [f"label {i}" for i in range(k)]
        predictions = [labels[i] for i in rows.argmax(axis=1)]

        def value(name: str, case: tuple = (predictions, targets, labels, rows)) -> float:
            score = compute(name, case[0], case[1], labels=case[2], probabilities=case[3])
            return score.value

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert value("log_loss") == pytest.approx(sk.log_loss(targets, rows), rel=1e-12)
            truth = np.array([labels.index(t) for t in targets])
            square = ((rows - np.eye(k)[truth]) ** 2).sum(axis=1).mean()
            brier = sk.brier_score_loss(truth == 1, rows[:, 1]) if k == 2 else square
            assert value("brier") == pytest.approx(brier, abs=1e-12)
            area = (
                sk.roc_auc_score(truth, rows[:, 1])
                if k == 2
                else sk.roc_auc_score(truth, rows, multi_class="ovr")
            )
            assert value("auroc") == pytest.approx(area, abs=1e-12)


def test_calibration_error_by_hand() -> None:
    # .9 (right) is alone in its bin, .8 (wrong) and .8 (right) share one, .55 (wrong) is alone
    rows = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.55, 0.45]])
    score = compute(
        "calibration_error", ["a", "a", "b", "a"], ["a", "b", "b", "b"],
        labels=["a", "b"], probabilities=rows,
    )  # fmt: skip
    expected = (abs(1 - 0.9) + abs(1 - 1.6) + abs(0 - 0.55)) / 4
    assert score.value == pytest.approx(expected, abs=1e-12)


def test_auroc_is_undefined_while_a_label_is_missing() -> None:
    score = compute(
        "auroc", ["a", "a"], ["a", "a"], labels=["a", "b"], probabilities=[[0.6, 0.4], [0.7, 0.3]]
    )
    assert math.isnan(score.value)
    assert "no target is b" in score.note


def test_probabilities_of_a_wrong_shape_are_an_error() -> None:
    with pytest.raises(UsageError, match="samples × labels"):
        compute("brier", ["a"], ["a"], labels=["a", "b"], probabilities=[[0.2, 0.3, 0.5]])
