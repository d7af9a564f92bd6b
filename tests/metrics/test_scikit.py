"""Values are scikit-learn's."""

from __future__ import annotations

import math
import random
import warnings

import pytest
from sklearn import metrics as sk

from evalkit.metrics import compute
from evalkit.metrics.base import Columns
from tests.metrics.test_classification import SCORES, Case, as_sklearn, random_case


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
