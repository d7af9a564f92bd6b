"""Scores of counts."""

from __future__ import annotations

import math
import random
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from evalkit.metrics.base import Columns
from evalkit.metrics.label_counts import confusion, statistic_of
from tests.metrics.test_classification import SCORES, as_sklearn, random_case


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
