"""Analyses of a classification cell as plain typed values; reports draw them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evalkit.metrics import probabilistic
from evalkit.metrics.base import Columns
from evalkit.metrics.classification import f1, precision, recall
from evalkit.metrics.label_counts import confusion
from evalkit.records.names import score_name

NO_LABEL = "(none)"
Settings = Mapping[str, Mapping[str, Any]]
"""The settings of the suite's metrics, by the metric's name."""


def confusion_matrix(columns: Columns, settings: Settings) -> dict[str, Any]:
    """Counts of targets (rows) by predictions (columns), in the order of the labels.

    A last row and column "(none)" are there only when some answer was no label; its row is
    all zeros, so the matrix is square.
    """
    counts = confusion(columns)
    labels = list(columns.labels)
    if counts[:, -1].any():
        labels.append(NO_LABEL)
        counts = np.vstack([counts, np.zeros_like(counts[:1])])
    else:
        counts = counts[:, :-1]
    return {"kind": "confusion_matrix", "labels": labels, "counts": counts.tolist()}


def classification_report(columns: Columns, settings: Settings) -> dict[str, Any]:
    """Precision, recall, F1 and support of each label; None where a number is undefined."""
    support = confusion(columns).sum(axis=1)
    tables = {
        "precision": precision(columns),
        "recall": recall(columns),
        "f1": f1(columns),
    }
    rows = []
    for i, label in enumerate(columns.labels):
        row: dict[str, Any] = {"label": label}
        for part, table in tables.items():
            value = table[score_name(part, label)].value
            row[part] = None if np.isnan(value) else value
        row["support"] = int(support[i])
        rows.append(row)
    return {"kind": "classification_report", "rows": rows}


def reliability(columns: Columns, settings: Settings) -> dict[str, Any] | None:
    """How far confidence can be believed: accuracy in bins of the highest probability.

    n samples; ``confidence`` and ``accuracy`` over all of them; ``calibration_error``: the mean gap
    of the two over the bins, each weighing as many samples as it holds; ``largest_gap``: that of
    the worst bin; ``bins``: see :func:`evalkit.metrics.probabilistic.reliability`.
    """
    if columns.probabilities is None:
        return None
    rows = probabilistic.reliability(columns, settings.get("calibration_error", {}).get("bins", 10))
    sizes = np.array([row["n"] for row in rows], dtype=np.float64)
    confidence = np.array([row["confidence"] for row in rows])
    accuracy = np.array([row["accuracy"] for row in rows])
    gaps = np.abs(accuracy - confidence)
    shares = sizes / sizes.sum()
    return {
        "kind": "reliability",
        "n": len(columns),
        "confidence": float(shares @ confidence),
        "accuracy": float(shares @ accuracy),
        "calibration_error": float(shares @ gaps),
        "largest_gap": float(gaps.max()),
        "bins": rows,
    }
