"""Scores of a whole cell and of each of its groups, with the samples lost in each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, compress
from types import MappingProxyType
from typing import Any

from evalkit.metrics.base import Columns, Result, Score, within_range
from evalkit.metrics.entry import Metric
from evalkit.metrics.registry import Registry
from evalkit.records import NoValue, SampleRecord, ScoreRecord
from evalkit.records.names import Group, ScoreName
from evalkit.scoring.clustered import Units, dependent
from evalkit.scoring.columns import by_question, group_value
from evalkit.scoring.failures import computed, has_failed
from evalkit.spec.suite import Suite
from evalkit.stats.intervals import worst_case

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Subset:
    """The whole of a cell, or one of its groups.

    group: None for the whole. index: those in it that count, numbered among all that count.
    lost: how many in it do not.
    """

    group: Group | None
    index: Sequence[int]
    lost: int

    def of(self, score: str) -> str:
        """The full name of a score over this part."""
        return str(replace(ScoreName.parse(score), group=self.group))


def parts_of(
    rows: Sequence[SampleRecord], counted: Sequence[bool], columns: Sequence[str]
) -> list[Subset]:
    """The whole, then the groups that columns divide rows into. counted: for each row."""
    number = list(accumulate(counted, initial=0))
    parts: dict[Group | None, list[int]] = {None: list(range(len(rows)))}
    for column in columns:
        groups: dict[str, list[int]] = {}
        for i, row in enumerate(rows):
            groups.setdefault(group_value(row, column), []).append(i)
        parts |= {Group(column, value): groups[value] for value in sorted(groups)}
    return [
        Subset(group, kept := [number[i] for i in inside if counted[i]], len(inside) - len(kept))
        for group, inside in parts.items()
    ]


def clusters_of(suite: Suite, rows: Sequence[SampleRecord]) -> list[str] | None:
    """The cluster of each row; None where the suite names no column for it."""
    column = suite.data.cluster
    return [str(row.fields[column]) for row in rows] if column else None


class Measure:
    """Answers, and the scores of metrics over those that count, at any confidence.

    rows: the sample of each answer; counted: which of them count; columns: of those that do.
    registry: where metrics are looked up; settings: by metric.
    """

    def __init__(
        self,
        suite: Suite,
        rows: Sequence[SampleRecord],
        counted: Sequence[bool],
        columns: Columns,
        registry: Registry,
        settings: Mapping[str, Mapping[str, Any]] = _NONE,
    ) -> None:
        self.columns = columns
        self._registry = registry
        self.parts = parts_of(rows, counted, suite.data.group)
        kept = list(compress(rows, counted))
        clusters = clusters_of(suite, kept)
        alone = suite.repeats == 1 and clusters is None
        self._units = None if alone else Units([row.index for row in kept], clusters)
        self._ids = [row.id for row in kept]
        self._settings = settings
        self._whole: dict[tuple[str, float], Result] = {}

    def records(self, metric: str, part: Subset, confidence: float) -> dict[str, ScoreRecord]:
        """The scores of a metric over a part, by full name."""
        settings = self._settings.get(metric, _NONE)
        columns, units = self.columns, self._units
        if part.group is not None:
            columns, units = columns.subset(part.index), units and units.subset(part.index)
        if units and self._is_of_questions(metric):
            columns, first = by_question(columns, units.questions)
            units = units.subset(first)
        made = plain = self._computed(metric, columns, confidence)
        if units and not has_failed(plain):
            made = dependent(metric, plain, columns, units, settings, confidence, self._registry)
        known = self._registry.find(metric)
        return {
            part.of(name): score_record(
                part.of(name), score, plain[name], part.lost, known, settings
            )
            for name, score in made.items()
        }

    def over_all(self, metric: str) -> Result:
        """The scores of a metric over all answers that count, as if each stood alone."""
        return self._computed(metric, self.columns, 0.95)

    def of_questions(self, metric: str) -> dict[str, dict[int, float]]:
        """The values of scores over all answers to a question (``pass@3``), by name and by the
        position of the sample in the data."""
        if not (self._units and self._is_of_questions(metric)):
            return {}
        columns, first = by_question(self.columns, self._units.questions)
        questions = [self._units.questions[i] for i in first]
        return {
            name: dict(zip(questions, score.per_sample, strict=True))
            for name, score in self._computed(metric, columns, 0.95).items()
            if score.per_sample is not None
        }

    def _computed(self, metric: str, columns: Columns, confidence: float) -> Result:
        settings = self._settings.get(metric)
        if columns is not self.columns:
            return computed(
                metric, columns, confidence=confidence, settings=settings, registry=self._registry
            )
        key = (metric, confidence)
        if key not in self._whole:
            self._whole[key] = computed(
                metric, columns, confidence=confidence, settings=settings,
                registry=self._registry, ids=self._ids,
            )  # fmt: skip
        return self._whole[key]

    def _is_of_questions(self, metric: str) -> bool:
        """Whether a metric looks at all answers to a question together."""
        known = self._registry.find(metric)
        return known is not None and "passed" in known.needs


def score_record(
    name: str,
    score: Score,
    answers: Score,
    lost: int,
    metric: Metric | None,
    settings: Mapping[str, Any] = _NONE,
) -> ScoreRecord:
    """A score for the record.

    answers: the same score over all answers as if each stood alone, for what was lost. metric: the
    one it is of, if any. settings: of the metric; they may change its range.
    """
    if metric is not None:
        score = within_range(score, metric.lowest(settings), metric.high)
    record = ScoreRecord(
        name=name,
        value=_finite(score.value),
        low=_finite(score.low),
        high=_finite(score.high),
        n=score.n,
        confidence=score.confidence,
        interval=score.interval,
        better=metric.better if metric else "",
        range_low=metric.lowest(settings) if metric else 0.0,
        range_high=metric.high if metric else 1.0,
        note=score.note,
        lost=lost,
        no_value=_no_value(score),
        standard_error=_finite(score.standard_error),
    )
    bounded = math.isfinite(record.range_high - record.range_low)
    if lost and bounded and answers.per_sample is not None and math.isfinite(answers.value):
        record.worst_low, record.worst_high = worst_case(
            answers.value, answers.n, lost, record.range_low, record.range_high
        )
    return record


def _no_value(score: Score) -> NoValue:
    if score.failed:
        return "failed"
    return "undefined" if math.isnan(score.value) else "infinite" if math.isinf(score.value) else ""


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
