"""Scores of dependent answers: several to one question, samples in clusters.

A mean is taken over questions, each the mean of its answers, and its interval over the clusters;
any other score is computed from all answers, its interval over whole questions or clusters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.label_counts import kinds_of_score
from evalkit.metrics.probabilistic import of_rarest
from evalkit.metrics.registry import Registry
from evalkit.metrics.run import run_metric
from evalkit.metrics.weighted import interval_over, ratio, weighted
from evalkit.records.names import ScoreName
from evalkit.stats.bounded import resampled_interval
from evalkit.stats.confusion import grouped_interval
from evalkit.stats.intervals import NONE, Interval

Floats = NDArray[np.float64]
FEW_CLUSTERS = 30  # effective number; below it the score gets a note


@dataclass(frozen=True)
class Units:
    """The dependence of answers. Per answer: its question, and its cluster (None: the question)."""

    questions: Sequence[int]
    clusters: Sequence[Hashable] | None = None

    def subset(self, index: Sequence[int]) -> Units:
        """The units of some of the answers."""
        clusters = None if self.clusters is None else [self.clusters[i] for i in index]
        return Units([self.questions[i] for i in index], clusters)

    @property
    def drawn(self) -> Sequence[Hashable]:
        """Per answer, the unit that resampling draws as a whole."""
        return self.questions if self.clusters is None else self.clusters


def dependent(
    metric: str,
    result: Result,
    columns: Columns,
    units: Units,
    settings: Mapping[str, Any],
    confidence: float,
    registry: Registry,
) -> Result:
    """The scores of a metric over answers, with values and intervals over units.

    A metric over groups of answers (a setting ``by``) counts groups already: where no unit is in
    two of them, its interval holds.
    """
    if "by" in settings and _within_groups(columns, units, settings["by"]):
        return result
    return {
        name: _over_questions(metric, name, score, columns, units, settings, confidence, registry)
        if score.per_sample is not None
        else _resampled(name, score, columns, units, settings, confidence)
        for name, score in result.items()
    }


def _within_groups(columns: Columns, units: Units, by: str) -> bool:
    group = dict(zip(units.drawn, (row.get(by) for row in columns.fields), strict=True))
    return all(
        group[unit] == row.get(by) for unit, row in zip(units.drawn, columns.fields, strict=True)
    )


def _over_questions(
    metric: str,
    name: str,
    score: Score,
    columns: Columns,
    units: Units,
    settings: Mapping[str, Any],
    confidence: float,
    registry: Registry,
) -> Score:
    assert score.per_sample is not None
    values = np.asarray(score.per_sample, dtype=np.float64)
    if len(values) != len(columns):
        alone = [
            run_metric(metric, columns.subset([i]), settings=settings, registry=registry)[name]
            for i in range(len(columns))
        ]
        # A score may be over some answers only (those to a prompt that is to be refused).
        inside = [i for i, one in enumerate(alone) if one.n > 0]
        units = units.subset(inside)
    if not len(values) or len(units.questions) != len(values):
        return replace(score, low=nan, high=nan, interval="")
    means, clusters = question_means(values, units)
    known = registry.find(metric)
    assert known is not None
    made = build.mean(
        known.name, means, confidence=confidence, note=score.note, units=clusters,
        bounded=isfinite(known.lowest(settings)), limits=(known.low, known.high),
    )  # fmt: skip
    note = build.joined(made.note, "" if clusters is None else _of_clusters(clusters))
    return replace(made, per_sample=None, note=note)


def _of_clusters(clusters: Sequence[Hashable]) -> str:
    """How many clusters there are; if the effective number is small, that as well.

    The effective number is L. Kish's, Survey Sampling, 1965: (Σ size)² / Σ size².
    """
    sizes = np.array(list(Counter(clusters).values()), dtype=np.float64)
    if len(sizes) < 2:
        return "no interval: one cluster"
    effective = float(sizes.sum() ** 2 / (sizes @ sizes))
    note = f"{len(sizes)} clusters"
    if effective >= FEW_CLUSTERS:
        return note
    weigh = "" if round(effective) == len(sizes) else f", effectively {effective:.0f}"
    return f"{note}{weigh}: few, so the interval is wide"


def question_means(values: Floats, units: Units) -> tuple[Floats, list[Hashable] | None]:
    """The mean of the answers to each question, and each question's cluster."""
    number = {question: i for i, question in enumerate(dict.fromkeys(units.questions))}
    of = np.array([number[question] for question in units.questions])
    means = np.bincount(of, weights=values) / np.bincount(of)
    if units.clusters is None:
        return means, None
    first = dict(zip(reversed(units.questions), reversed(units.clusters), strict=True))
    return means, [first[question] for question in number]


def _resampled(
    name: str,
    score: Score,
    columns: Columns,
    units: Units,
    settings: Mapping[str, Any],
    confidence: float,
) -> Score:
    if not isfinite(score.value):
        return replace(score, low=nan, high=nan, interval="")
    # In questions: of a share of the answers, as many as these make up.
    n = round(score.n * len(set(units.questions)) / len(columns))
    low, high, method = _interval(name, score, columns, units.drawn, settings, confidence)
    note = "" if method else "no interval: answers are not independent"
    if method and units.clusters is not None:
        note = _of_clusters(units.clusters)
    return replace(
        score, low=low, high=high, n=n, interval=method, note=build.joined(score.note, note),
        standard_error=nan,
    )  # fmt: skip


def _interval(
    name: str,
    score: Score,
    columns: Columns,
    units: Sequence[Hashable],
    settings: Mapping[str, Any],
    confidence: float,
) -> Interval:
    """The interval of a score that is not a mean of per-sample values, over units."""
    named = ScoreName.parse(name)
    if (own := interval_over(name, columns, settings, units, confidence)) is not None:
        return own
    if (sums := ratio(name, columns, settings)) is not None:
        made = build.of_ratio(sums, score.n, confidence=confidence, units=units)
        return Interval(made.low, made.high, made.interval)
    counted = kinds_of_score(named.base, named.key or "", columns, settings)
    if counted is not None:
        return grouped_interval(*counted, units, confidence=confidence)
    function = weighted(name, columns, settings)
    low, high = build.limits_of(named.base)
    if function is None or not isfinite(high - low):
        return NONE
    mass = of_rarest(columns) if named.base == "auroc" else None
    return resampled_interval(
        function, score.value, len(columns), low=low, high=high, mass=mass, units=units,
        confidence=confidence,
    )  # fmt: skip
