"""One score of two cells, compared on the samples both have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.comparing.columns import group_value
from evalkit.comparing.side import Paired, Side, pair
from evalkit.errors import UsageError
from evalkit.metrics import catalogue
from evalkit.records import SuiteRecord
from evalkit.stats import paired as tests
from evalkit.stats.clusters import clustered_interval, clustered_t
from evalkit.stats.weighted import Weighted, paired_weighted

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreComparison:
    """How a score of b differs from that of a, over the n samples both have.

    a, b: the scores on those samples. difference: b minus a, with its interval at
    ``confidence``. p: two-sided, of no difference; adjusted: by Holm, over all comparisons made
    together. wins: samples on which b is better, losses: worse; None where a score is no mean
    over samples. test: how it was tested, "" if it was not. NaN where undefined.
    """

    score: str
    better: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    confidence: float
    p: float
    adjusted: float
    wins: int | None
    ties: int | None
    losses: int | None
    n: int
    test: str
    note: str = ""


def compare_score(
    a: Side, b: Side, score: str, *, confidence: float = 0.95, seed: int = 0
) -> ScoreComparison:
    """Compare one score, by its full name; ``accuracy[topic=art]`` over the samples of the group.

    Per-sample values: McNemar's exact test when they are 0/1, else a paired t test, with the
    intervals of :mod:`evalkit.stats.paired`. A score of counts or sums (macro F1, BLEU): paired
    bootstrap. Both over clusters where the suite has some. Any other: the difference alone.
    """
    both = pair(a, b)
    name, ids = _group(a, b, score, both.ids)
    values = [_per_sample(side, name, ids) for side in (a, b)]
    note = _unpaired(both)
    if not ids:
        return _undefined(score, confidence, "no sample in both has the same row and targets")
    if values[0] is None or values[1] is None:
        a, b = a.completed(b, ids), b.completed(a, ids)
        return _recomputed(a, b, score, name, ids, confidence, seed, note)
    clusters = _clusters(a, b, ids)
    return _by_samples(score, values[0], values[1], clusters, confidence, seed, note)


def _clusters(a: Side, b: Side, ids: list[str]) -> list[str] | None:
    """The cluster of each sample, where the suite has clusters."""
    suite = a.suite or b.suite
    rows = (a if a.whole else b).samples
    if suite is None or suite.cluster is None or suite.cluster not in rows[ids[0]].fields:
        return None
    return [str(rows[one].fields[suite.cluster]) for one in ids]


def _group(a: Side, b: Side, score: str, ids: list[str]) -> tuple[str, list[str]]:
    """The score without its group, and the ids of the group."""
    name, _, key = score.rpartition("[")
    column, equals, value = key.removesuffix("]").partition("=")
    suite = a.suite or b.suite
    grouped = suite.group.split(", ") if suite and suite.group else []
    if not equals or column not in grouped:
        return score, ids
    rows = (a if a.whole else b).samples
    return name, [one for one in ids if group_value(rows[one], column) == value]


def _per_sample(side: Side, name: str, ids: list[str]) -> Floats | None:
    values = [side.samples[one].scores.get(name) for one in ids]
    if any(value is None for value in values):
        return None
    return np.array(values, dtype=np.float64)


def _unpaired(both: Paired) -> str:
    parts = []
    if both.changed:
        parts.append(f"{both.changed} left out: row or target differs")
    if both.missing:
        parts.append(f"{both.missing} left out: scored in one of the two only")
    return "; ".join(parts)


def _by_samples(
    score: str,
    a: Floats,
    b: Floats,
    clusters: list[str] | None,
    confidence: float,
    seed: int,
    note: str,
) -> ScoreComparison:
    found = tests.compare(a, b, confidence=confidence, seed=seed)
    if clusters is not None and len(clusters) == len(a):
        low, high, _ = clustered_interval(b - a, clusters, confidence)
        p = clustered_t(b - a, clusters)
        found = replace(found, low=low, high=high, p=p, test="paired t, clustered")
    better = _better(score)
    wins, losses = found.wins, found.losses
    return ScoreComparison(
        score=score,
        better=better,
        a=float(a.mean()),
        b=float(b.mean()),
        difference=found.difference,
        low=found.low,
        high=found.high,
        confidence=confidence,
        p=found.p,
        adjusted=found.p,
        wins=losses if better == "lower" else wins,
        ties=found.ties,
        losses=wins if better == "lower" else losses,
        n=found.n,
        test=found.test,
        note=note,
    )


def _recomputed(
    a: Side,
    b: Side,
    score: str,
    name: str,
    ids: list[str],
    confidence: float,
    seed: int,
    note: str,
) -> ScoreComparison:
    """A score that is made anew from both sides' answers to the same samples."""
    suite = a.suite or b.suite
    metric = catalogue.of_score(name)
    if suite is None or metric is None:
        return _undefined(score, confidence, f"{score} has no per-sample values to pair")
    made = []
    for side in (a, b):
        try:
            made.append(_make(side, suite, name, metric.name, ids))
        except (UsageError, KeyError):
            why = f"the file of {side.run} does not keep what {score} is made of"
            return _undefined(score, confidence, why)
    (value_a, samples_a, weighted_a), (value_b, samples_b, weighted_b) = made
    clusters = _clusters(a, b, ids)
    if suite.repeats > 1 and not (a.whole and b.whole):
        return _undefined(score, confidence, f"a file keeps too little of each answer for {score}")
    if samples_a is not None and samples_b is not None and len(samples_a) == len(samples_b):
        if not len(samples_a):
            return _undefined(score, confidence, "no sample in both counts for it")
        return _by_samples(score, samples_a, samples_b, clusters, confidence, seed, note)
    low = high = p = nan
    test = ""
    if weighted_a is not None and weighted_b is not None:
        (low, high, test), p = paired_weighted(
            weighted_a, weighted_b, len(ids), clusters=clusters, confidence=confidence, seed=seed
        )
    else:
        note = "; ".join(filter(None, (note, "no paired test for this score")))
    return ScoreComparison(
        score, _better(score), value_a, value_b, value_b - value_a, low, high, confidence, p, p,
        None, None, None, len(ids), test, note,
    )  # fmt: skip


def _make(
    side: Side, suite: SuiteRecord, name: str, metric: str, ids: list[str]
) -> tuple[float, Floats | None, Weighted | None]:
    from evalkit.metrics.run import run_metric
    from evalkit.metrics.weighted import weighted

    if not side.whole and all(side.samples[one].prediction is None for one in ids):
        raise UsageError(f"{side.run}: predictions are not kept")
    columns, of_sample = side.columns(ids, suite)
    settings: dict[str, Any] = suite.metric_settings.get(metric, {})
    result = run_metric(metric, columns, settings=settings)
    made = result[name]
    function = weighted(name, columns, settings)
    if len(columns) == len(ids):
        return made.value, made.per_sample, function
    # Several answers to a question: its weight is that of all of them.
    return made.value, None, (lambda w: function(w[:, of_sample])) if function else None


def _better(score: str) -> str:
    metric = catalogue.of_score(score)
    return metric.better if metric else ""


def _undefined(score: str, confidence: float, note: str) -> ScoreComparison:
    return ScoreComparison(
        score, _better(score), nan, nan, nan, nan, nan, confidence, nan, nan,
        None, None, None, 0, "", note,
    )  # fmt: skip


def significant(comparison: ScoreComparison, level: float = 0.05) -> bool:
    """Whether the adjusted p-value is below a level."""
    return isfinite(comparison.adjusted) and comparison.adjusted < level
