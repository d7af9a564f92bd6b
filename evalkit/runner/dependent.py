"""Scores of answers that are not independent: several to one question, samples in clusters.

A mean is taken over questions, each the mean of its answers, and its standard error over the
clusters; any other score is made from all answers, and its interval by resampling whole questions
or clusters.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import build, catalogue
from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.run import run_metric
from evalkit.metrics.weighted import interval_over, weighted
from evalkit.stats.clusters import clustered_interval
from evalkit.stats.weighted import clustered_weighted

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """What belongs together. Per answer: its question, and its cluster (None: each question)."""

    questions: Sequence[int]
    clusters: Sequence[Hashable] | None = None

    def subset(self, index: Sequence[int]) -> Units:
        """The units of some of the answers."""
        clusters = None if self.clusters is None else [self.clusters[i] for i in index]
        return Units([self.questions[i] for i in index], clusters)

    @property
    def drawn(self) -> Sequence[Hashable]:
        """Per answer, what is drawn as a whole when resampling."""
        return self.questions if self.clusters is None else self.clusters


def dependent(
    metric: str,
    result: Result,
    columns: Columns,
    units: Units,
    settings: Mapping[str, Any],
    confidence: float,
) -> Result:
    """The scores of a metric over answers, with values and intervals that respect their units.

    A metric over groups of answers (a setting ``by``) counts groups already: where no unit is in
    two of them, its interval holds.
    """
    if "by" in settings and _within_groups(columns, units, settings["by"]):
        return result
    return {
        name: _over_questions(metric, name, score, columns, units, settings, confidence)
        if score.per_sample is not None
        else _resampled(name, score, columns, units, settings, confidence)
        for name, score in result.items()
    }


def _within_groups(columns: Columns, units: Units, by: str) -> bool:
    group = dict(zip(units.drawn, (row.get(by) for row in columns.fields), strict=True))
    return all(
        group[unit] == row.get(by) for unit, row in zip(units.drawn, columns.fields, strict=True)
    )


def by_question(columns: Columns, units: Units) -> tuple[Columns, Units]:
    """The columns of questions, each with what came of the code of all its answers."""
    rows: dict[int, list[int]] = {}
    for row, question in enumerate(units.questions):
        rows.setdefault(question, []).append(row)
    first = [of_question[0] for of_question in rows.values()]
    passed = [tuple(ok for row in of for ok in columns.passed[row]) for of in rows.values()]
    return replace(columns.subset(first), passed=passed), units.subset(first)


def _over_questions(
    metric: str,
    name: str,
    score: Score,
    columns: Columns,
    units: Units,
    settings: Mapping[str, Any],
    confidence: float,
) -> Score:
    assert score.per_sample is not None
    values = np.asarray(score.per_sample, dtype=np.float64)
    if len(values) != len(columns):
        inside = [i for i in range(len(columns)) if _counts(metric, name, columns, i, settings)]
        units = units.subset(inside)
    if not len(values) or len(units.questions) != len(values):
        return replace(score, low=nan, high=nan, interval="")
    means, clusters = question_means(values, units)
    known = catalogue.of_score(name)
    assert known is not None
    bounded = isfinite(known.lowest(settings))
    if clusters is None:
        made = build.mean(
            known.name, means, confidence=confidence, seed=0, note=score.note, bounded=bounded
        )
        return replace(made, per_sample=None)
    interval = clustered_interval(means, clusters, confidence)
    value, groups, note = float(means.mean()), len(set(clusters)), score.note
    if isfinite(interval.low) and interval.low == interval.high:
        interval, note = build.flat(known.name, value, groups, confidence, note, bounded=bounded)
    low = max(interval.low, known.lowest(settings)) if isfinite(interval.low) else nan
    high = min(interval.high, known.high) if isfinite(interval.high) else nan
    note = build.joined(note, f"{groups} clusters")
    return Score(value, low, high, len(means), confidence, interval.method, note=note)


def question_means(values: Floats, units: Units) -> tuple[Floats, list[Hashable] | None]:
    """The mean of the answers to each question, and each question's cluster."""
    number = {question: i for i, question in enumerate(dict.fromkeys(units.questions))}
    of = np.array([number[question] for question in units.questions])
    means = np.bincount(of, weights=values) / np.bincount(of)
    if units.clusters is None:
        return means, None
    first = dict(zip(reversed(units.questions), reversed(units.clusters), strict=True))
    return means, [first[question] for question in number]


def _counts(
    metric: str, name: str, columns: Columns, index: int, settings: Mapping[str, Any]
) -> bool:
    """Whether an answer is among those a score is over (one to a prompt that is to be refused)."""
    return run_metric(metric, columns.subset([index]), settings=settings)[name].n > 0


def _resampled(
    name: str,
    score: Score,
    columns: Columns,
    units: Units,
    settings: Mapping[str, Any],
    confidence: float,
) -> Score:
    function = weighted(name, columns, settings)
    if function is None or not isfinite(score.value):
        note = build.joined(score.note, "no interval: answers are not independent")
        return replace(score, low=nan, high=nan, interval="", note=note)
    interval = interval_over(name, columns, settings, units.drawn, confidence)
    interval = interval or clustered_weighted(function, units.drawn, confidence=confidence)
    low, high, method = interval
    # In questions: of a share of the answers, as many as these make up.
    n = round(score.n * len(set(units.questions)) / len(columns))
    return replace(score, low=low, high=high, n=n, interval=method)
