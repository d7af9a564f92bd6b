"""Confusion counts, and the scores that are functions of them, for many tables of counts at once.

The value of a score is scikit-learn's (:mod:`evalkit.metrics.scikit`), which takes one table at a
time. An interval, a resample or an exchange needs the same score of thousands of tables, whose
counts need not be whole numbers. Tests hold both to be equal.

Answers that are no label are one more column. ``empty`` stands for a quotient 0/0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UsageError
from evalkit.metrics import build
from evalkit.metrics.base import Columns
from evalkit.metrics.writing import composed

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def true_labels(columns: Columns) -> list[int]:
    """Per sample, the index of the target label (the predicted one if it is among several).

    Raises UsageError for a target that is not a label.
    """
    index = _by_text(columns)
    found = []
    for predicted, accepted in zip(columns.predictions, columns.targets, strict=True):
        target = predicted if predicted in accepted else accepted[0] if accepted else None
        if target not in index:
            raise UsageError(f"target {target!r} is not one of the labels {list(columns.labels)}")
        found.append(index[target])
    return found


def _by_text(columns: Columns) -> dict[str, int]:
    """The index of each label, by its text as predictions and targets are written."""
    return {composed(label): i for i, label in enumerate(columns.labels)}


def confusion(columns: Columns) -> Counts:
    """Counts of shape (k, k + 1): targets by predictions, the last column for no label."""
    found, shape = kinds(columns)
    counts: Counts = np.bincount(found, minlength=shape[0] * shape[1]).reshape(shape)
    return counts


def kinds(columns: Columns) -> tuple[Counts, tuple[int, int]]:
    """Per sample, its place in the confusion counts laid out flat, and the shape of those."""
    k = len(columns.labels)
    targets, predicted = places(columns)
    return targets * (k + 1) + predicted, (k, k + 1)


def places(columns: Columns) -> tuple[Counts, Counts]:
    """Per sample, the index of its target label and of its predicted one, k for no label."""
    k = len(columns.labels)
    index = _by_text(columns)
    predicted = [k if p is None else index.get(p, k) for p in columns.predictions]
    return np.array(true_labels(columns), dtype=np.int64), np.array(predicted, dtype=np.int64)


def _balanced(counts: NDArray[Any]) -> Floats:
    recall = _divide(_hits(counts), _support(counts), nan)
    with np.errstate(invalid="ignore"):
        means: Floats = np.nansum(recall, axis=-1) / np.sum(~np.isnan(recall), axis=-1)
    return means


def _hits(counts: Counts) -> Counts:
    return np.diagonal(counts[..., :-1], axis1=-2, axis2=-1)


def _support(counts: Counts) -> Counts:
    totals: Counts = counts.sum(axis=-1)
    return totals


def _predicted(counts: Counts) -> Counts:
    totals: Counts = counts.sum(axis=-2)[..., :-1]
    return totals


def _divide(part: NDArray[Any], whole: NDArray[Any], empty: float) -> Floats:
    quotient: Floats = np.full(np.broadcast(part, whole).shape, empty)
    np.divide(part, whole, out=quotient, where=whole != 0)
    return quotient


def label_scores(part: str, counts: Counts, empty: float) -> Floats:
    """Precision, recall or F1 of each label: shape (…, k)."""
    hits, support, predicted = _hits(counts), _support(counts), _predicted(counts)
    if part == "precision":
        return _divide(hits, predicted, empty)
    if part == "recall":
        return _divide(hits, support, empty)
    return _divide(2 * hits, support + predicted, empty)


def _macro(part: str, zero_division: float, counts: Counts) -> Floats:
    with np.errstate(invalid="ignore"):
        scores = label_scores(part, counts, zero_division)
        present = ~np.isnan(scores)
        means: Floats = np.nansum(scores, axis=-1) / present.sum(axis=-1)
    return means


def _micro(part: str, zero_division: float, counts: Counts) -> Floats:
    hits = _hits(counts).sum(axis=-1)
    support, predicted = _support(counts).sum(axis=-1), _predicted(counts).sum(axis=-1)
    if part == "precision":
        return _divide(hits, predicted, zero_division)
    if part == "recall":
        return _divide(hits, support, zero_division)
    return _divide(2 * hits, support + predicted, zero_division)


def _weighted(part: str, zero_division: float, counts: Counts) -> Floats:
    scores = label_scores(part, counts, zero_division)
    weights = _support(counts) * ~np.isnan(scores)
    total = weights.sum(axis=-1)
    means = _divide((np.nan_to_num(scores) * weights).sum(axis=-1), total, nan)
    if not total.all():  # as in scikit-learn: labels that weigh nothing then all weigh the same
        means = np.where(total > 0, means, _macro(part, zero_division, counts))
    return means


_PARTS = ("precision", "recall", "f1")
_AVERAGES = {"macro": _macro, "micro": _micro, "weighted": _weighted}


def against_the_rest(counts: NDArray[Any], i: int) -> NDArray[Any]:
    """All that F1 of one label depends on, as counts of two labels: it and any other."""
    hits, support, predicted = counts[i, i], counts[i].sum(), counts[:, i].sum()
    rest = counts.sum() - support - predicted + hits
    return np.array([[hits, support - hits, 0], [predicted - hits, rest, 0]])


def _mcc(counts: NDArray[Any]) -> Floats:
    support, predicted = margins(counts)
    n = support.sum(axis=-1)
    covariance = _hits(counts).sum(axis=-1) * n - (support * predicted).sum(axis=-1)
    of_targets = n * n - (support * support).sum(axis=-1)
    of_predictions = n * n - (predicted * predicted).sum(axis=-1)
    scale = np.sqrt(of_targets.astype(np.float64) * of_predictions)
    return _divide(covariance, scale, 0.0)


def _kappa(counts: NDArray[Any]) -> Floats:
    support, predicted = margins(counts)
    n = support.sum(axis=-1)
    expected = (support * predicted).sum(axis=-1) / n
    observed = _hits(counts).sum(axis=-1)
    return _divide(observed - expected, n - expected, nan)


def margins(counts: Counts) -> tuple[Counts, Counts]:
    """How often each label, and last no label, is the target and is predicted."""
    support = _support(counts)
    none = np.zeros((*support.shape[:-1], 1), dtype=support.dtype)
    return np.concatenate([support, none], axis=-1), counts.sum(axis=-2)


def statistic_of(
    name: str, label: str, labels: Sequence[str], settings: Mapping[str, Any]
) -> Callable[[NDArray[Any]], Floats] | None:
    """The score ``name`` (of one ``label``, for keyed ones) as a function of confusion counts.

    It maps counts, or weights, of shape (r, k, k + 1) to r scores. None: it is no such function.
    """
    plain = {"balanced_accuracy": _balanced, "mcc": _mcc, "cohen_kappa": _kappa}
    if name in plain:
        return plain[name]
    kind, _, part = name.partition("_")
    empty = settings.get("zero_division")
    if kind in _AVERAGES and part in _PARTS:
        return partial(_AVERAGES[kind], part, 0.0 if empty is None else float(empty))
    if name in _PARTS and label in labels:
        # Without samples of the label its recall is undefined, unless the suite says otherwise.
        missing = (nan if name == "recall" else 0.0) if empty is None else float(empty)
        return partial(of_label, name, list(labels).index(label), missing)
    return None


def of_label(part: str, index: int, empty: float, counts: NDArray[Any]) -> Floats:
    """Precision, recall or F1 of one label, by its index."""
    return label_scores(part, counts, empty)[..., index]


def ratio_of(name: str, label: str, columns: Columns) -> build.Ratio | None:
    """The score ``name`` (of one ``label``) as a share of samples; None where it is not one."""
    whole = name in ("micro_recall", "weighted_recall", "micro_precision", "micro_f1")
    if not whole and not (name in ("precision", "recall") and label in columns.labels):
        return None
    targets, predicted = places(columns)
    hits = targets == predicted
    no_label = predicted == len(columns.labels)
    if name in ("micro_recall", "weighted_recall") or (
        name in ("micro_precision", "micro_f1") and not no_label.any()
    ):
        return build.Ratio(hits.astype(np.float64), np.ones(len(hits)))
    if name in ("precision", "recall") and label in columns.labels:
        index = list(columns.labels).index(label)
        counted = (predicted if name == "precision" else targets) == index
        return build.Ratio((hits & counted).astype(np.float64), counted.astype(np.float64))
    return None


def kinds_of_score(
    name: str, label: str, columns: Columns, settings: Mapping[str, Any]
) -> tuple[Counts, tuple[int, int], Callable[[NDArray[Any]], Floats]] | None:
    """What the interval of a score is made of: each sample's place in the counts, their shape, and
    the score of counts. F1 of one label looks at that label against all others."""
    statistic = statistic_of(name, label, columns.labels, settings)
    if statistic is None:
        return None
    if name != "f1":
        return *kinds(columns), statistic
    index = list(columns.labels).index(label)
    targets, predicted = (np.where(of == index, 0, 1) for of in places(columns))
    return targets * 3 + predicted, (2, 3), partial(of_label, "f1", 0, 0.0)
