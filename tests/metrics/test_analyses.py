"""The reliability diagram's numbers, by hand and against the calibration error."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.metrics import Columns, compute
from evalkit.metrics.analyses import classification_report, confusion_matrix, reliability
from evalkit.records.analyses import ConfusionMatrix, LabelRow
from evalkit.stats.intervals import wilson


def columns(probabilities: list[list[float]], targets: list[str]) -> Columns:
    rows = np.array(probabilities)
    labels = ("a", "b")
    predictions = [labels[i] for i in rows.argmax(axis=1)]
    return Columns(predictions, [(t,) for t in targets], labels, probabilities=rows)


def test_bins_by_hand() -> None:
    table = columns([[0.9, 0.1], [0.84, 0.16], [0.3, 0.7], [0.5, 0.5]], ["a", "b", "b", "b"])
    found = reliability(table, {"calibration_error": {"bins": 5}})
    low, high, _ = wilson(1, 2, 0.95)
    assert [(b.low, b.n) for b in found.bins] == [(0.4, 1), (0.6, 1), (0.8, 2)]
    last = found.bins[-1]
    assert last.confidence == pytest.approx(0.87)
    assert last.accuracy == 0.5
    assert (last.accuracy_low, last.accuracy_high) == (low, high)
    assert found.confidence == pytest.approx((0.9 + 0.84 + 0.7 + 0.5) / 4)
    assert found.accuracy == 0.5
    # gaps 0.5 (one sample), 0.3 (one), 0.37 (two)
    assert found.calibration_error == pytest.approx((0.5 + 0.3 + 2 * 0.37) / 4)
    assert found.largest_gap == pytest.approx(0.5)


def test_equals_the_calibration_error() -> None:
    rng = np.random.default_rng(3)
    rows = rng.dirichlet([1, 1], size=200)
    targets = [("a", "b")[i] for i in rng.integers(0, 2, size=200)]
    score = compute(
        "calibration_error", ["a"] * 200, targets, labels=("a", "b"), probabilities=rows
    )
    found = reliability(columns(rows.tolist(), targets))
    assert found.calibration_error == pytest.approx(score.value, abs=1e-12)
    assert sum(b.n for b in found.bins) == found.n == 200


def test_the_confusion_matrix_shows_no_label_only_if_it_occurs() -> None:
    targets = [("a",), ("a",), ("b",)]
    whole = confusion_matrix(Columns(["a", "b", "b"], targets, ("a", "b")))
    assert whole == ConfusionMatrix(("a", "b"), ((1, 1), (0, 1)))
    partial = confusion_matrix(Columns(["a", None, "x"], targets, ("a", "b")))
    assert partial.labels == ("a", "b", "(none)")
    assert partial.counts == ((1, 0, 1), (0, 0, 1), (0, 0, 0))


def test_classification_report() -> None:
    columns = Columns(["a", "b", "b"], [("a",), ("a",), ("b",)], ("a", "b", "c"))
    rows = classification_report(columns).rows
    assert rows[0] == LabelRow("a", precision=1.0, recall=0.5, f1=2 / 3, support=2)
    assert rows[2] == LabelRow("c", precision=None, recall=None, f1=None, support=0)


def test_reliability_by_hand() -> None:
    rows = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.55, 0.45]])
    targets = [("a",), ("b",), ("b",), ("b",)]
    bins = reliability(Columns(["a", "a", "b", "a"], targets, ("a", "b"), rows)).bins
    assert [b.n for b in bins] == [1, 2, 1]
    assert [b.accuracy for b in bins] == [0.0, 0.5, 1.0]
    assert [b.confidence for b in bins] == pytest.approx([0.55, 0.8, 0.9])
    assert (bins[1].low, bins[1].high) == pytest.approx((0.7, 0.8))
