"""Entities: precision, recall and F1 over whole entities, as seqeval and conlleval count them.

Predictions and targets are tags of tokens (``B-PER I-PER O``, see :mod:`evalkit.spec.tagging`). An
entity counts as found when label, beginning and end are right. Reference: seqeval 1.2 in its
default mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import build
from evalkit.metrics.base import Columns, FloatArray, Result, Score
from evalkit.metrics.writing import composed
from evalkit.spec.tagging import Entity, entities, split
from evalkit.stats.bootstrap import bootstrap_sums

_Statistic = Callable[[NDArray[Any]], FloatArray]


def entity_precision(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of the entities predicted, the share that are right; overall and of each label.

    Range 0 … 1, bootstrap over samples. 0 where none was predicted, as in seqeval.
    """
    return _result("entity_precision", columns, confidence, seed)


def entity_recall(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Of the entities there are, the share that were found; overall and of each label.

    Range 0 … 1, bootstrap over samples.
    """
    return _result("entity_recall", columns, confidence, seed)


def entity_f1(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Harmonic mean of the two, over all entities (micro) and of each label.

    Range 0 … 1, bootstrap over samples.
    """
    return _result("entity_f1", columns, confidence, seed)


def sums_of(score: str, columns: Columns) -> tuple[FloatArray, _Statistic]:
    """What a score, by its full name, is made of: counts, shape (n, 3); and what sums give."""
    name, _, key = score.partition("[")
    return _counts(_pairs(columns), key.removesuffix("]") or None), OF_ENTITIES[name]


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
    """For each sample, the entities predicted and those there are."""
    return [
        (set(entities(split(said or ""))), set(entities(split(wanted[0] if wanted else ""))))
        for said, wanted in zip(columns.predictions, columns.targets, strict=True)
    ]


def _result(name: str, columns: Columns, confidence: float, seed: int) -> Result:
    pairs, statistic = _pairs(columns), OF_ENTITIES[name]
    scores = {name: _score(name, _counts(pairs), statistic, confidence, seed)}
    for label in columns.labels:
        counts = _counts(pairs, label)
        scores[f"{name}[{label}]"] = _score(name, counts, statistic, confidence, seed)
    return scores


def _counts(pairs: list[tuple[set[Entity], set[Entity]]], label: str | None = None) -> FloatArray:
    """Shape (n, 3): entities of each sample found, predicted and there."""
    rows = []
    for said, wanted in pairs:
        if label is not None:
            said, wanted = _of(said, label), _of(wanted, label)
        rows.append((len(said & wanted), len(said), len(wanted)))
    return np.array(rows, dtype=np.float64).reshape(len(pairs), 3)


def _of(found: set[Entity], label: str) -> set[Entity]:
    return {entity for entity in found if entity.label == composed(label)}


def _score(
    name: str, counts: FloatArray, statistic: _Statistic, confidence: float, seed: int
) -> Score:
    n = len(counts)
    if n == 0:
        return build.undefined(0, confidence, build.NOTHING)
    _, predicted, there = counts.sum(axis=0)
    if there == 0:
        return build.undefined(n, confidence, "undefined: there is no such entity in the data")
    note = f"{there:.0f} entities, {predicted:.0f} predicted"
    value = float(statistic(counts.sum(axis=0)[np.newaxis])[0])
    interval = bootstrap_sums(counts, statistic, confidence=confidence, seed=seed)
    if not interval.low < interval.high:
        interval, note = build.flat(name, value, n, confidence, note)
    return Score(value, *interval[:2], n, confidence, interval.method, note=note)
