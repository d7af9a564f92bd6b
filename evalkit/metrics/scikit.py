"""Values of classification and probability scores, by scikit-learn.

Importing scikit-learn takes one to two seconds, so it is imported when the first such score is
computed. Labels are their indices: targets and predictions are integers of shape (n,), n ≥ 1, in
0 … k - 1; a prediction of k is an answer without a label. scikit-learn's warnings about undefined
values are silenced: callers know which values are undefined and put a note on them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
Part = Literal["precision", "recall", "f1"]
Average = Literal["macro", "micro", "weighted"]


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def accuracy(targets: Indices, predicted: Indices) -> float:
    """Share of predictions that are the target, 0 … 1."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(targets, predicted))


def balanced_accuracy(targets: Indices, predicted: Indices) -> float:
    """Mean recall over the labels that are targets, 0 … 1."""
    from sklearn.metrics import balanced_accuracy_score

    with _quiet():
        return float(balanced_accuracy_score(targets, predicted))


def label_scores(
    part: Part, targets: Indices, predicted: Indices, k: int, empty: float = nan
) -> Floats:
    """Precision, recall or F1 of each of k labels, shape (k,). empty: the value of 0/0."""
    return np.asarray(_parts(part, targets, predicted, k, None, empty), dtype=np.float64)


def average(
    kind: Average, part: Part, targets: Indices, predicted: Indices, k: int, empty: float
) -> float:
    """Precision, recall or F1 averaged over k labels. empty: the value of 0/0; NaN is left out."""
    return float(_parts(part, targets, predicted, k, kind, empty))


def _parts(
    part: Part, targets: Indices, predicted: Indices, k: int, kind: Average | None, empty: float
) -> Floats | float:
    from sklearn.metrics import precision_recall_fscore_support

    with _quiet():
        precision, recall, f1, _ = precision_recall_fscore_support(
            targets, predicted, labels=np.arange(k), average=kind, zero_division=empty
        )
    found: Floats | float = {"precision": precision, "recall": recall, "f1": f1}[part]
    return found


def mcc(targets: Indices, predicted: Indices) -> float:
    """Matthews correlation coefficient, -1 … 1; 0 where targets or predictions do not vary."""
    from sklearn.metrics import matthews_corrcoef

    with _quiet():
        return float(matthews_corrcoef(targets, predicted))


def kappa(
    targets: Indices, predicted: Indices, weights: Literal["linear", "quadratic"] | None = None
) -> float:
    """Cohen's kappa, -1 … 1; NaN where agreement by chance is certain.

    weights: how the distance of two labels counts; None: all disagreements equally.
    """
    from sklearn.metrics import cohen_kappa_score

    if len(np.unique(np.r_[targets, predicted])) < 2:
        return nan
    with _quiet(), np.errstate(invalid="ignore"):
        every = np.arange(max(targets.max(), predicted.max()) + 1)
        value = float(cohen_kappa_score(targets, predicted, labels=every, weights=weights))
    return min(1.0, max(-1.0, value))  # weighted ones leave the range by a rounding


def log_loss(truth: Indices, probabilities: Floats) -> float:
    """Mean negative log probability of the target, in nats. probabilities: shape (n, k), k ≥ 2."""
    from sklearn.metrics import log_loss as mean_loss

    with _quiet():  # rows that sum to 1 but for rounding
        return float(mean_loss(truth, probabilities, labels=np.arange(probabilities.shape[1])))


def brier(truth: Indices, probabilities: Floats) -> float:
    """Mean squared error of the probabilities: of the second of two labels, or summed over more.

    probabilities: shape (n, k), k ≥ 2. scikit-learn has the sum only since 1.7; it is k times the
    squared error averaged over the labels.
    """
    from sklearn.metrics import brier_score_loss, mean_squared_error

    k = probabilities.shape[1]
    if k == 2:
        return float(brier_score_loss(truth == 1, probabilities[:, 1], pos_label=True))
    return float(k * mean_squared_error(np.eye(k)[truth], probabilities))


def auroc(truth: Indices, probabilities: Floats) -> float:
    """Area under the ROC curve, 0 … 1.

    Of more than two labels, the mean over them of each against the rest. probabilities: shape
    (n, k), k ≥ 2. Every label needs a sample.
    """
    from sklearn.metrics import roc_auc_score

    k = probabilities.shape[1]
    areas = [
        roc_auc_score(truth == label, probabilities[:, label])
        for label in (range(1, 2) if k == 2 else range(k))
    ]
    return float(np.mean(areas))
