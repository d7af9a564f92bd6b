"""One score of two cells, compared on the samples both have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, nan
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.comparing.operand import Paired, Side, pair
from evalkit.errors import EvalkitError
from evalkit.metrics.base import Columns, Score
from evalkit.metrics.entry import Metric
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records import SuiteRecord
from evalkit.records.names import ScoreName, base_of
from evalkit.scoring.columns import by_question, group_value
from evalkit.stats import paired as tests
from evalkit.stats.differences import Differences
from evalkit.stats.exchange import Sides, Units, compare_sides, units_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreComparison:
    """How a score of b differs from that of a, over the n samples both have.

    a, b: the scores on those samples. difference: b minus a, with its interval at
    ``confidence``. p: two-sided, of no difference; adjusted: by Holm, over all comparisons made
    together; mid_p: the mid-p-value of McNemar's test, NaN of others. wins: samples on which b is
    better, losses: worse; None if a score is not a mean over samples. test: how it was tested, ""
    if it was not. seen: what an interval over another number of samples is made of. NaN where
    undefined.
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
    mid_p: float = nan
    seen: Differences | None = None


@dataclass(frozen=True, slots=True)
class _Query:
    """A request to compare a score: its full name, and the same without its group."""

    score: str
    name: str
    better: str
    width: float
    ids: list[str]
    clusters: list[str] | None
    confidence: float
    seed: int
    note: str
    registry: Registry


def _left_out(both: Paired) -> list[str]:
    """The samples that are not compared, as notes."""
    changed = [f"{both.changed} left out: row or target differs"] if both.changed else []
    missing = both.gone + both.new
    return [*changed, f"{missing} left out: scored in one of the two only"] if missing else changed


def compare_score(
    a: Side,
    b: Side,
    score: str,
    *,
    registry: Registry = BUILT_IN,
    confidence: float = 0.95,
    seed: int = 0,
    left_out: Callable[[Paired], list[str]] = _left_out,
) -> ScoreComparison:
    """Compare one score, by its full name; ``accuracy[topic=art]`` over the samples of the group.

    Per-sample values: McNemar's exact test when they are 0/1, else a permutation test, with the
    intervals of :mod:`evalkit.stats.paired`. A score of counts or sums (macro F1, BLEU): the
    permutation test of :mod:`evalkit.stats.exchange`. Both over clusters where the suite has some.
    A score that judges give: over the samples with a grade on both sides. A function of the
    project's own that returns one number for all samples: the same test with fewer permutations, if
    it is fast. Any other: the difference alone. registry: where the score's metric is looked up.
    left_out: the note about samples not in both.
    """
    both = pair(a, b)
    a, b = both.a, both.b
    name, ids = _group(a, b, score, both.ids)
    better, width = _known(a, b, score, registry)
    valued = [one for one in ids if all(name in side.samples[one].scores for side in (a, b))]
    ungraded = 0
    if valued and registry.of_score(name) is None:  # judges' grades cannot be recomputed
        either = sum(any(name in side.samples[one].scores for side in (a, b)) for one in ids)
        ungraded, ids = either - len(valued), valued
    clusters = _clusters(a, b, ids) if ids else None
    parts = left_out(both)
    if ungraded:
        parts.append(f"{ungraded} left out: graded in one of the two only")
    note = "; ".join(filter(None, (*parts, _two_functions(a, b, name))))
    query = _Query(score, name, better, width, ids, clusters, confidence, seed, note, registry)
    if name != score and not (a.whole or b.whole):
        return _undefined(query, "files do not keep which samples are in a group")
    if not ids:
        return _undefined(query, "no sample in both has the same row and targets")
    values = [_per_sample(side, name, ids) for side in (a, b)]
    if values[0] is None or values[1] is None:
        return _recomputed(a.completed(b, ids), b.completed(a, ids), query)
    return _by_samples(query, values[0], values[1])


def _known(a: Side, b: Side, score: str, registry: Registry) -> tuple[str, float]:
    """The better direction and the range of a score, as the runs recorded them."""
    for side in (b, a):
        if (record := side.cell.scores.get(score)) is not None:
            return record.better, record.range_high - record.range_low
    metric = registry.of_score(score)
    return (metric.better, metric.high - metric.low) if metric else ("", np.inf)


def _hash_of(side: Side, metric: str) -> str:
    """The hash of a project metric's function as the side's run recorded it, or ""."""
    return side.suite.metric_hashes.get(metric, "") if side.suite else ""


def _two_functions(a: Side, b: Side, name: str) -> str:
    """The note for a metric whose function differs between the two runs."""
    metric = base_of(name)
    first, second = _hash_of(a, metric), _hash_of(b, metric)
    if first and second and first != second:
        return f"the function of '{metric}' differs between {a.run} and {b.run}"
    return ""


def _changed_since(a: Side, b: Side, metric: Metric, registry: Registry) -> str:
    """The note for a score recomputed with a function that differs from that of its run."""
    now = registry.fingerprint(metric.name)
    runs = dict.fromkeys(s.run for s in (a, b) if now and _hash_of(s, metric.name) not in ("", now))
    if not runs:
        return ""
    return f"recomputed with the current '{metric.name}', which differs in {', '.join(runs)}"


def _clusters(a: Side, b: Side, ids: list[str]) -> list[str] | None:
    """The cluster of each sample, where the suite has clusters."""
    suite = a.suite or b.suite
    rows = (a if a.whole else b).samples
    if suite is None or suite.cluster is None or suite.cluster not in rows[ids[0]].fields:
        return None
    return [str(rows[one].fields[suite.cluster]) for one in ids]


def _group(a: Side, b: Side, score: str, ids: list[str]) -> tuple[str, list[str]]:
    """The score without its group, and the ids of the group."""
    name = ScoreName.parse(score)
    if name.group is None:
        return score, ids
    column, value = name.group
    rows = (a if a.whole else b).samples
    return str(name.whole), [one for one in ids if group_value(rows[one], column) == value]


def _per_sample(side: Side, name: str, ids: list[str]) -> Floats | None:
    values = [side.samples[one].scores.get(name) for one in ids]
    if any(value is None for value in values):
        return None
    return np.array(values, dtype=np.float64)


def _by_samples(query: _Query, a: Floats, b: Floats) -> ScoreComparison:
    found = tests.compare(
        a, b, clusters=query.clusters, width=query.width, confidence=query.confidence,
        seed=query.seed,
    )  # fmt: skip
    wins, losses = found.wins, found.losses
    if query.better == "lower":
        wins, losses = losses, wins
    return ScoreComparison(
        query.score, query.better, float(a.mean()), float(b.mean()), found.difference,
        found.low, found.high, query.confidence, found.p, found.p, wins, found.ties, losses,
        found.n, found.test, _joined(query.note, found.note), found.mid_p, found.seen,
    )  # fmt: skip


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


@dataclass(frozen=True, slots=True)
class _Made:
    """A score computed from a side's answers. of_sample: the sample of each answer.

    values: by sample that counts for it, the mean of what its answers score; None if the score
    is not a mean.
    """

    value: float
    values: dict[int, float] | None
    columns: Columns
    of_sample: list[int]


def _recomputed(a: Side, b: Side, query: _Query) -> ScoreComparison:
    """A score recomputed from both sides' answers to the same samples."""
    from evalkit.metrics.exchange import unseen

    suite = a.suite or b.suite
    metric = query.registry.of_score(query.name)
    if suite is None or metric is None:
        why = f"{query.score} has no per-sample values to pair"
        return _undefined(query, f"{why}, and this project has no such metric" if suite else why)
    if (summed := _of_sums(a, b, suite, query)) is not None:
        return summed
    if changed := _changed_since(a, b, metric, query.registry):
        query = replace(query, note=_joined(query.note, changed))
    made = []
    for side in (a, b):
        try:
            made.append(_make(side, suite, query, metric))
        except (EvalkitError, KeyError):
            why = f"the file of {side.run} lacks the data to recompute {query.score}"
            return _undefined(query, why)
    first, second = made
    if suite.repeats > 1 and not (a.whole and b.whole):
        return _undefined(
            query, f"a file holds too little of each answer to recompute {query.score}"
        )
    if first.values is not None and second.values is not None:
        return _over_some(query, first.values, second.values)
    units = units_of(len(query.ids), query.clusters, first.of_sample, second.of_sample)
    sides = _sides(query, metric, suite, first.columns, second.columns, units)
    if sides is not None:
        query = replace(query, note=_joined(query.note, unseen(query.name, first.columns)))
        most = _FEWER if metric.open_keys else _MOST
        return _exchanged(query, sides, units, first.value, second.value, most=most)
    note = _joined(query.note, "no paired test for this score")
    return ScoreComparison(
        query.score, query.better, first.value, second.value, second.value - first.value, nan, nan,
        query.confidence, nan, nan, None, None, None, len(query.ids), "", note,
    )  # fmt: skip


def _over_some(query: _Query, a: dict[int, float], b: dict[int, float]) -> ScoreComparison:
    """A score with per-sample values, over the samples that count for it on both sides."""
    both = [sample for sample in a if sample in b]
    if not both:
        return _undefined(query, "no sample counts for it on both sides")
    if query.clusters is not None:
        query = replace(query, clusters=[query.clusters[sample] for sample in both])
    values = (np.array([side[sample] for sample in both], dtype=np.float64) for side in (a, b))
    return _by_samples(query, *values)


def _of_sums(a: Side, b: Side, suite: SuiteRecord, query: _Query) -> ScoreComparison | None:
    """A score that is a function of sums, which files keep too; None for any other."""
    from evalkit.metrics import exchange
    from evalkit.metrics.weighted import of_sums

    settings = suite.metric_settings.get(base_of(query.name), {})
    statistic = of_sums(query.name, settings)
    if statistic is None:
        return None
    units = units_of(len(query.ids), query.clusters)
    sums = []
    for side in (a, b):
        rows = side.sums(query.name, query.ids, suite)
        if rows is None:
            return None
        sums.append(np.zeros((len(units.sizes), rows.shape[1])))
        np.add.at(sums[-1], units.a, rows)
    value_a, value_b = (float(statistic(rows.sum(axis=0)[np.newaxis])[0]) for rows in sums)
    sides = exchange.of_sums(query.name, sums[0], sums[1], statistic, units)
    return _exchanged(query, sides, units, value_a, value_b)


_MOST = 200_000
_FEWER = 1_000
_FAST = 0.005  # seconds a function may take: two cells, a thousand exchanges each, take ten


def _exchanged(
    query: _Query, sides: Sides, units: Units, a: float, b: float, *, most: int = _MOST
) -> ScoreComparison:
    found = compare_sides(
        sides, units, width=query.width, confidence=query.confidence, seed=query.seed, most=most
    )
    return ScoreComparison(
        query.score, query.better, a, b, b - a, *_within((found.low, found.high), query),
        query.confidence, found.p, found.p, None, None, None, len(query.ids), found.test,
        _joined(query.note, found.note), seen=found.seen,
    )  # fmt: skip


def _within(interval: tuple[float, float], query: _Query) -> tuple[float, float]:
    """An interval of a difference, which cannot be larger than the score's range is wide."""
    low, high = interval
    return max(low, -query.width), min(high, query.width)


def _make(side: Side, suite: SuiteRecord, query: _Query, metric: Metric) -> _Made:
    if not side.whole and all(side.samples[one].prediction is None for one in query.ids):
        raise EvalkitError(f"{side.run}: predictions are not kept")
    columns, of_sample = side.columns(query.ids, suite)
    if "passed" in metric.needs:  # it needs all answers to a question
        columns, first = by_question(columns, of_sample)
        of_sample = [of_sample[i] for i in first]
    made = _value(query, metric, suite, columns)
    values = None
    if made.per_sample is not None:
        alone = query.clusters is None and len(columns) == len(query.ids)
        # For one side alone, the identity of the samples does not matter.
        counts: Sequence[int] = range(len(made.per_sample))
        if not alone and len(made.per_sample) != len(columns):
            every = range(len(columns))
            counts = [i for i in every if _value(query, metric, suite, columns.subset([i])).n]
        values = _by_sample(made.per_sample, counts if alone else [of_sample[i] for i in counts])
    return _Made(made.value, values, columns, of_sample)


def _by_sample(values: Floats, samples: Sequence[int]) -> dict[int, float] | None:
    """The mean value of each sample; None where the values are not of these samples."""
    if len(values) != len(samples):
        return None
    found: dict[int, list[float]] = {}
    for value, sample in zip(values, samples, strict=True):
        found.setdefault(sample, []).append(float(value))
    return {sample: float(np.mean(of_sample)) for sample, of_sample in found.items()}


def _value(query: _Query, metric: Metric, suite: SuiteRecord, columns: Columns) -> Score:
    from evalkit.metrics.run import run_metric

    settings: dict[str, Any] = suite.metric_settings.get(metric.name, {})
    made = run_metric(metric.name, columns, settings=settings, registry=query.registry)
    return made[query.name]


def _sides(
    query: _Query,
    metric: Metric,
    suite: SuiteRecord,
    a: Columns,
    b: Columns,
    units: Units,
) -> Sides | None:
    """Both sides of a score of counts or ranks, or of a score that is an opaque function."""
    from evalkit.metrics import exchange

    settings: dict[str, Any] = suite.metric_settings.get(metric.name, {})
    sides = exchange.of_columns(query.name, a, b, units, settings)
    if sides is not None or not metric.open_keys:
        return sides

    def value(columns: Columns) -> float:
        try:
            return _value(query, metric, suite, columns).value
        except (EvalkitError, KeyError):  # it fails on these samples
            return nan

    return exchange.of_function(value, a, b, units) if _is_fast(value, a) else None


def _is_fast(value: Callable[[Columns], float], columns: Columns) -> bool:
    """Whether a thousand exchanges take seconds; the best of three counts."""
    best = inf
    for _ in range(3):
        started = perf_counter()
        value(columns)
        best = min(best, perf_counter() - started)
    return best < _FAST


def _undefined(query: _Query, note: str) -> ScoreComparison:
    return ScoreComparison(
        query.score, query.better, nan, nan, nan, nan, nan, query.confidence, nan, nan,
        None, None, None, 0, "", note,
    )  # fmt: skip


def significant(comparison: ScoreComparison, level: float = 0.05) -> bool:
    """Whether the adjusted p-value is below a level."""
    return isfinite(comparison.adjusted) and comparison.adjusted < level
