"""Entities: precision, recall and F1 over whole entities, as seqeval and conlleval count them.

Predictions and targets are tags of tokens (``B-PER I-PER O``, see
:mod:`evalkit.answers.tagging`). An entity counts as found when
label, beginning and end are right. Reference: seqeval 1.2 in its default mode.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.answers.tagging import Entity, entities, split
from evalkit.metrics import build
from evalkit.metrics.base import Columns, FloatArray, Result, Score
from evalkit.metrics.writing import composed
from evalkit.records.names import ScoreName, score_name

_Statistic = Callable[[NDArray[Any]], FloatArray]


def entity_precision(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of the entities predicted, the share that are right; overall and of each label.

    Range 0 … 1; interval over the texts that it was predicted in. 0, without an interval, where
    none was predicted, as in seqeval.
    """
    return _result("entity_precision", columns, confidence)


def entity_recall(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of the target entities, the share that were found; overall and of each label.

    Range 0 … 1; interval over the texts that have one.
    """
    return _result("entity_recall", columns, confidence)


def entity_f1(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Harmonic mean of the two, over all entities (micro) and of each label.

    Range 0 … 1; interval over the texts that have one or for which one was predicted.
    """
    return _result("entity_f1", columns, confidence)


def sums_of(score: str, columns: Columns) -> tuple[FloatArray, _Statistic]:
    """The components of a score, by its full name: counts, shape (n, 3), and the score of sums."""
    name = ScoreName.parse(score)
    return _counts(_pairs(columns), name.key), OF_ENTITIES[name.base]


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> FloatArray:
    shares = np.zeros(len(part), dtype=np.float64)
    np.divide(part, whole, out=shares, where=np.asarray(whole) > 0)
    return shares


def _precision(sums: NDArray[Any]) -> FloatArray:
    return _ratio(sums[:, 0], sums[:, 1])


def _recall(sums: NDArray[Any]) -> FloatArray:
    return _ratio(sums[:, 0], sums[:, 2])


def _f1(sums: NDArray[Any]) -> FloatArray:
    return _ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


OF_ENTITIES: dict[str, _Statistic] = {
    "entity_precision": _precision,
    "entity_recall": _recall,
    "entity_f1": _f1,
}
"""Scores as functions of sums over samples: entities found, predicted and there."""


def _pairs(columns: Columns) -> list[tuple[set[Entity], set[Entity]]]:
    """For each sample, the predicted and the target entities."""
    return [
        (
            set(entities(split(prediction or ""))),
            set(entities(split(targets[0] if targets else ""))),
        )
        for prediction, targets in zip(columns.predictions, columns.targets, strict=True)
    ]


def _result(name: str, columns: Columns, confidence: float) -> Result:
    pairs = _pairs(columns)
    scores = {name: _score(name, _counts(pairs), confidence)}
    for label in columns.labels:
        scores[score_name(name, label)] = _score(name, _counts(pairs, label), confidence)
    return scores


def _counts(pairs: list[tuple[set[Entity], set[Entity]]], label: str | None = None) -> FloatArray:
    """Shape (n, 3): entities of each sample found, predicted and there."""
    rows = []
    for predicted, target in pairs:
        if label is not None:
            predicted, target = _with_label(predicted, label), _with_label(target, label)
        rows.append((len(predicted & target), len(predicted), len(target)))
    return np.array(rows, dtype=np.float64).reshape(len(pairs), 3)


def _with_label(found: set[Entity], label: str) -> set[Entity]:
    return {entity for entity in found if entity.label == composed(label)}


def ratio_of(score: str, columns: Columns) -> build.Ratio:
    """A score, by its full name, as a ratio of sums over texts."""
    named = ScoreName.parse(score)
    return _ratio_of(named.base, _counts(_pairs(columns), named.key))


def _ratio_of(name: str, counts: FloatArray) -> build.Ratio:
    found, predicted, there = counts.T
    if name == "entity_precision":
        return build.Ratio(found, predicted)
    if name == "entity_recall":
        return build.Ratio(found, there)
    return build.Ratio(2 * found, predicted + there)


def _score(name: str, counts: FloatArray, confidence: float) -> Score:
    n = len(counts)
    if n == 0:
        return build.undefined(0, confidence, build.NOTHING)
    _, predicted, there = counts.sum(axis=0)
    if there == 0:
        return build.undefined(n, confidence, "undefined: no such entity in the data")
    note = f"{there:.0f} entities, {predicted:.0f} predicted"
    sums = _ratio_of(name, counts)
    if not sums.wholes.any():
        return Score(0.0, nan, nan, n, confidence, note=note)
    return build.of_ratio(sums, n, confidence=confidence, note=note)
