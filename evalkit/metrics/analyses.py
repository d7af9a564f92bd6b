"""Analyses of a classification cell as typed values. Reports draw them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from evalkit.metrics import probabilistic
from evalkit.metrics.base import Columns
from evalkit.metrics.classification import f1, precision, recall
from evalkit.metrics.label_counts import confusion
from evalkit.records.analyses import (
    ClassificationReport,
    ConfusionMatrix,
    LabelRow,
    ReliabilityDiagram,
)
from evalkit.records.names import score_name

NO_LABEL = "(none)"
Settings = Mapping[str, Mapping[str, Any]]
"""The settings of the suite's metrics, by the metric's name."""
NONE: Settings = MappingProxyType({})


def confusion_matrix(columns: Columns, settings: Settings = NONE) -> ConfusionMatrix:
    """Counts of targets (rows) by predictions (columns), in the order of the labels.

    A last row and column "(none)" exist only if some answer has no label; the row is all zeros,
    so the matrix is square.
    """
    counts = confusion(columns)
    labels = list(columns.labels)
    if counts[:, -1].any():
        labels.append(NO_LABEL)
        counts = np.vstack([counts, np.zeros_like(counts[:1])])
    else:
        counts = counts[:, :-1]
    return ConfusionMatrix(tuple(labels), tuple(map(tuple, counts.tolist())))


def classification_report(columns: Columns, settings: Settings = NONE) -> ClassificationReport:
    """Precision, recall, F1 and support of each label; None where a number is undefined."""
    support = confusion(columns).sum(axis=1)
    tables = {"precision": precision(columns), "recall": recall(columns), "f1": f1(columns)}

    def value(part: str, label: str) -> float | None:
        found = tables[part][score_name(part, label)].value
        return None if np.isnan(found) else found

    return ClassificationReport(
        tuple(
            LabelRow(
                label,
                value("precision", label),
                value("recall", label),
                value("f1", label),
                int(support[i]),
            )
            for i, label in enumerate(columns.labels)
        )
    )


def reliability(columns: Columns, settings: Settings = NONE) -> ReliabilityDiagram | None:
    """Calibration of confidence: accuracy in bins of the highest probability.

    None where the suite's answers have no probabilities.
    """
    if columns.probabilities is None:
        return None
    bins = settings.get("calibration_error", {}).get("bins", 10)
    found = probabilistic.reliability(columns, bins)
    sizes = np.array([one.n for one in found], dtype=np.float64)
    confidence = np.array([one.confidence for one in found])
    accuracy = np.array([one.accuracy for one in found])
    gaps = np.abs(accuracy - confidence)
    shares = sizes / sizes.sum()
    return ReliabilityDiagram(
        n=len(columns),
        confidence=float(shares @ confidence),
        accuracy=float(shares @ accuracy),
        calibration_error=float(shares @ gaps),
        largest_gap=float(gaps.max()),
        bins=tuple(found),
    )
