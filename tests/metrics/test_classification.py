"""Classification against scikit-learn, including labels that do not occur."""

from __future__ import annotations

import math
import random
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from evalkit.errors import UsageError
from evalkit.metrics import compute
from evalkit.metrics.analyses import (
    classification_report,
    confusion_matrix,
    reliability,
)
from evalkit.metrics.base import Columns, Score
from evalkit.metrics.label_counts import confusion, statistic_of
from evalkit.records.analyses import ConfusionMatrix, LabelRow

NO_LABEL = "(none)"
Case = tuple[list[str], list[str], list[str | None]]


def random_case(rng: random.Random) -> Case:
    """Labels, targets, predictions: some labels never occur, some predictions are no label."""
    labels = [f"label {i}" for i in range(rng.randint(2, 5))]
    used = rng.sample(labels, rng.randint(1, len(labels)))
    guessed: list[str | None] = list(rng.sample(labels, rng.randint(1, len(labels))))
    if rng.random() < 0.3:
        guessed += [None, "something else"]
    n = rng.choice([1, 2, 5, 30])
    targets = rng.choices(used, k=n)
    right = rng.choice([0.0, 0.5, 1.0])
    predictions = [t if rng.random() < right else rng.choice(guessed) for t in targets]
    return labels, targets, predictions


def as_sklearn(labels: list[str], predictions: list[str | None]) -> list[str]:
    return [p if p in labels else NO_LABEL for p in predictions]


@pytest.mark.usefixtures("no_intervals")
def test_equal_to_scikit_learn_on_200_random_cases() -> None:
    rng = random.Random(0)
    for _ in range(200):
        labels, targets, predictions = random_case(rng)
        seen = as_sklearn(labels, predictions)

        def value(name: str, case: Case = (labels, targets, predictions)) -> float:
            score = compute(name, case[2], case[1], labels=case[0])
            return score.value

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert value("accuracy") == sk.accuracy_score(targets, seen)
            expected = sk.balanced_accuracy_score(targets, seen)
            assert value("balanced_accuracy") == pytest.approx(expected, abs=1e-12)
            for average in ("macro", "micro", "weighted"):
                expected = sk.precision_recall_fscore_support(
                    targets, seen, labels=labels, average=average, zero_division=0
                )
                for part, number in zip(("precision", "recall", "f1"), expected, strict=False):
                    assert value(f"{average}_{part}") == pytest.approx(number, abs=1e-12)
            assert value("mcc") == pytest.approx(sk.matthews_corrcoef(targets, seen), abs=1e-12)
            kappa = sk.cohen_kappa_score(targets, seen)
            assert value("cohen_kappa") == pytest.approx(kappa, abs=1e-12, nan_ok=True)


SCORES = ("precision", "recall", "f1")


@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
def test_scores_of_counts_equal_scikit_learn(zero_division: float) -> None:
    """The basis of intervals: the same scores from tables of counts."""
    rng = random.Random(4)
    for _ in range(50):
        labels, targets, predictions = random_case(rng)
        seen = as_sklearn(labels, predictions)
        table = confusion(Columns(predictions, [(t,) for t in targets], tuple(labels)))

        def of_counts(name: str, label: str = "", case: tuple = (labels, table)) -> float:
            settings = {"zero_division": zero_division}
            statistic = statistic_of(name, label, case[0], settings)
            assert statistic is not None
            twice = statistic(np.stack([case[1], 2 * case[1]]))
            assert twice[0] == pytest.approx(twice[1], abs=1e-12, nan_ok=True)
            return float(twice[0])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = {
                "balanced_accuracy": sk.balanced_accuracy_score(targets, seen),
                "mcc": sk.matthews_corrcoef(targets, seen),
                "cohen_kappa": sk.cohen_kappa_score(targets, seen),
            }
            for average in ("macro", "micro", "weighted"):
                found = sk.precision_recall_fscore_support(
                    targets, seen, labels=labels, average=average, zero_division=zero_division
                )
                expected |= {f"{average}_{p}": x for p, x in zip(SCORES, found, strict=False)}
            for name, number in expected.items():
                assert of_counts(name) == pytest.approx(number, abs=1e-12, nan_ok=True), name
            each = sk.precision_recall_fscore_support(
                targets, seen, labels=labels, zero_division=zero_division
            )
            for part, numbers in zip(SCORES, each, strict=False):
                for label, number in zip(labels, numbers, strict=True):
                    assert of_counts(part, label) == pytest.approx(number, abs=1e-12, nan_ok=True)


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
def test_averages_equal_scikit_learns_at_every_zero_division(zero_division: float) -> None:
    rng = random.Random(5)
    for _ in range(50):
        labels, targets, predictions = random_case(rng)
        seen = as_sklearn(labels, predictions)
        for average in ("macro", "micro", "weighted"):
            expected = sk.precision_recall_fscore_support(
                targets, seen, labels=labels, average=average, zero_division=zero_division
            )
            for part, number in zip(SCORES, expected, strict=False):
                score = compute(
                    f"{average}_{part}", predictions, targets, labels=labels,
                    settings={"zero_division": zero_division},
                )  # fmt: skip
                assert score.value == pytest.approx(number, abs=1e-12, nan_ok=True)


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
def test_labels_equal_scikit_learns_at_every_zero_division(zero_division: float) -> None:
    rng = random.Random(1)
    for _ in range(100):
        labels, targets, predictions = random_case(rng)
        seen = as_sklearn(labels, predictions)
        expected = sk.precision_recall_fscore_support(
            targets, seen, labels=labels, zero_division=zero_division
        )
        settings = {"zero_division": zero_division}
        for part, numbers in zip(("precision", "recall", "f1"), expected, strict=False):
            from evalkit.metrics import classification

            columns = Columns(predictions, [(t,) for t in targets], tuple(labels))
            scores = getattr(classification, part)(columns, **settings)
            for label, number in zip(labels, numbers, strict=True):
                value = scores[f"{part}[{label}]"].value
                assert value == pytest.approx(number, abs=1e-12, nan_ok=True)


def test_a_label_never_predicted_has_precision_0_with_a_note() -> None:
    scores = compute("precision", ["a", "a"], ["a", "b"], labels=["a", "b"])
    assert isinstance(scores, dict)
    assert scores["precision[a]"].value == 0.5
    assert scores["precision[b]"].value == 0.0
    assert "never predicted" in scores["precision[b]"].note
    assert scores["precision[b]"].n == 0


def test_a_label_without_samples_has_no_recall() -> None:
    scores = compute("recall", ["a", "b"], ["a", "a"], labels=["a", "b"])
    assert isinstance(scores, dict)
    assert scores["recall[a]"].n == 2
    assert math.isnan(scores["recall[b]"].value)
    assert "no target" in scores["recall[b]"].note
    macro = compute("macro_recall", ["a", "b"], ["a", "a"], labels=["a", "b"])
    assert macro.value == 0.25
    assert "count as 0" in macro.note


@pytest.mark.filterwarnings("error")
def test_a_single_label_is_undefined_without_a_warning() -> None:
    def of(name: str) -> Score:
        score = compute(name, ["a", "a"], ["a", "a"], labels=["a", "b"])
        assert isinstance(score, Score)
        return score

    assert math.isnan(of("cohen_kappa").value)
    assert of("cohen_kappa").note == "undefined: targets and predictions are all the same label"
    assert of("mcc").value == 0
    assert of("mcc").note == "all targets are the same: counted as 0"
    assert of("balanced_accuracy").value == of("micro_f1").value == 1
    assert of("macro_f1").value == 0.5
    assert "f1 of b is undefined (0/0): count as 0" in of("macro_f1").note
    for rows, loss in (([[1.0], [1.0]], 0.0), ([[0.5], [0.5]], math.log(2))):
        score = compute("log_loss", ["a", "a"], ["a", "a"], labels=["a"], probabilities=rows)
        assert score.value == pytest.approx(loss, abs=1e-12)


@pytest.mark.filterwarnings("error")
def test_answers_outside_the_labels() -> None:
    def of(name: str) -> float:
        return compute(name, [None, "x"], ["a", "b"], labels=["a", "b"]).value

    names = ("accuracy", "balanced_accuracy", "macro_f1", "micro_precision", "mcc", "cohen_kappa")
    assert [of(name) for name in names] == [0.0] * len(names)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "auroc", "calibration_error"])
def test_invalid_probabilities_are_an_error(metric: str) -> None:
    for wrong in (math.nan, 1.5, -0.5):
        rows = [[0.5, 0.5], [wrong, 1 - wrong]]
        with pytest.raises(UsageError, match=r"probabilities\[1\] is .* numbers from 0 to 1"):
            compute(metric, ["a", "b"], ["a", "b"], labels=["a", "b"], probabilities=rows)


def test_a_missing_answer_is_wrong_and_no_label() -> None:
    predictions, targets = ["a", None, "b", None], ["a", "a", "b", "b"]
    assert compute("accuracy", predictions, targets, labels=["a", "b"]).value == 0.5
    precision = compute("precision", predictions, targets, labels=["a", "b"])
    assert {s.value for s in precision.values()} == {1.0}


def test_a_target_outside_the_labels_is_an_error() -> None:
    with pytest.raises(UsageError, match="is not one of the labels"):
        compute("macro_f1", ["a"], ["c"], labels=["a", "b"])


def test_several_accepted_labels_count_as_the_predicted_one() -> None:
    columns = Columns(["b", "a"], [("a", "b"), ("b",)], ("a", "b"))
    assert confusion_matrix(columns).counts == ((0, 0), (1, 1))
    assert compute("accuracy", ["b", "a"], [["a", "b"], ["b"]]).value == 0.5


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


def test_intervals_contain_the_value_and_ignore_order() -> None:
    rng = random.Random(2)
    targets = rng.choices(["a", "b", "c"], k=80)
    predictions = [t if rng.random() < 0.7 else rng.choice(["a", "b", None]) for t in targets]
    order = rng.sample(range(80), 80)
    for name in ("accuracy", "macro_f1", "mcc", "cohen_kappa", "balanced_accuracy", "f1"):
        one = compute(name, predictions, targets, labels=["a", "b", "c"])
        other = compute(
            name, [predictions[i] for i in order], [targets[i] for i in order],
            labels=["a", "b", "c"],
        )  # fmt: skip
        ones = one.values() if isinstance(one, dict) else [one]
        others = other.values() if isinstance(other, dict) else [other]
        for a, b in zip(ones, others, strict=True):
            assert (a.value, a.low, a.high, a.n) == (b.value, b.low, b.high, b.n)
            assert a.low < a.value < a.high


def test_all_right_does_not_mean_certainty() -> None:
    score = compute("macro_f1", ["a", "b"] * 10, ["a", "b"] * 10)
    assert score.value == score.high == 1.0
    assert score.low < 0.8389, "no more certain than 20 of 20, Wilson"
    assert score.low > 0.6915, "and more than 10 of 10, exact"


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


def test_reliability_by_hand() -> None:
    rows = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.55, 0.45]])
    targets = [("a",), ("b",), ("b",), ("b",)]
    bins = reliability(Columns(["a", "a", "b", "a"], targets, ("a", "b"), rows)).bins
    assert [b.n for b in bins] == [1, 2, 1]
    assert [b.accuracy for b in bins] == [0.0, 0.5, 1.0]
    assert [b.confidence for b in bins] == pytest.approx([0.55, 0.8, 0.9])
    assert (bins[1].low, bins[1].high) == pytest.approx((0.7, 0.8))


def test_auroc_is_undefined_while_a_label_is_missing() -> None:
    score = compute(
        "auroc", ["a", "a"], ["a", "a"], labels=["a", "b"], probabilities=[[0.6, 0.4], [0.7, 0.3]]
    )
    assert math.isnan(score.value)
    assert "no target is b" in score.note


def test_probabilities_of_a_wrong_shape_are_an_error() -> None:
    with pytest.raises(UsageError, match="samples × labels"):
        compute("brier", ["a"], ["a"], labels=["a", "b"], probabilities=[[0.2, 0.3, 0.5]])
