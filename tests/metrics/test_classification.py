"""Classification against scikit-learn, including labels that do not occur."""

from __future__ import annotations

import math
import random

import pytest

from evalkit.errors import UsageError
from evalkit.metrics import compute
from evalkit.metrics.analyses import confusion_matrix
from evalkit.metrics.base import Columns, Score

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


SCORES = ("precision", "recall", "f1")


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
