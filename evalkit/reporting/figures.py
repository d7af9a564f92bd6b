"""Figures counted from a suite's samples: distributions of scores, refusals by group."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit import tasks
from evalkit.records import CellRecord, SampleRecord, SuiteRecord
from evalkit.reporting.bars import Axis, axis
from evalkit.scoring.columns import group_value

BINS = 20
MOST_HISTOGRAMS = 6
"""Scores drawn per suite: the first ones, in the order asked for."""

OUTCOMES = {
    "full_compliance": "complied",
    "partial_refusal": "refused in part",
    "full_refusal": "refused",
    "": "not graded",
}
"""The outcome of a request, by grade, in the words of the page."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of one score in one cell.

    bars: samples per bin; heights: the same in percent of the fullest bin of all cells.
    mean, thresholds: places on the axis in percent.
    """

    column: int
    n: int
    bars: Sequence[int]
    heights: Sequence[float]
    mean: float
    value: float
    thresholds: Sequence[float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """The values of one score in every cell of a suite, on one axis from low to high."""

    score: str
    low: float
    high: float
    spreads: Sequence[Spread]

    def edges(self, i: int) -> tuple[float, float]:
        """The bounds of a bin."""
        width = (self.high - self.low) / BINS
        return self.low + i * width, self.low + (i + 1) * width


def histograms(cells: Sequence[CellRecord]) -> list[Histogram]:
    """The scores that have values between their extremes, as they spread over the samples."""
    names = dict.fromkeys(name for cell in cells for name in cell.scores)
    drawn = []
    for name in names:
        values = [_values(cell, name) for cell in cells]
        if any(value not in (0.0, 1.0) for each in values for value in each):
            drawn.append(_histogram(name, cells, values))
    return drawn[:MOST_HISTOGRAMS]


def _values(cell: CellRecord, name: str) -> list[float]:
    found = (sample.scores.get(name, math.nan) for sample in cell.samples)
    return [value for value in found if math.isfinite(value)]


def _histogram(
    name: str, cells: Sequence[CellRecord], values: Sequence[Sequence[float]]
) -> Histogram:
    record = next(cell.scores[name] for cell in cells if name in cell.scores)
    thresholds = [[g.threshold for g in cell.gates if g.score == name] for cell in cells]
    seen = [value for each in (*values, *thresholds) for value in each]
    on = axis(record.range_low, record.range_high, seen)
    counts = [_counted(each, on) for each in values]
    most = max(max(bars) for bars in counts)
    spreads = [
        Spread(
            column,
            len(each),
            bars,
            [round(100 * bar / most, 2) for bar in bars],
            on.at(mean := sum(each) / len(each)) or 0.0,
            mean,
            [place for t in dict.fromkeys(limits) if (place := on.at(t)) is not None],
        )
        for column, (each, bars, limits) in enumerate(zip(values, counts, thresholds, strict=True))
        if each
    ]
    return Histogram(name, on.low, on.high, spreads)


def _counted(values: Sequence[float], on: Axis) -> list[int]:
    """Values per bin; the last bin holds its upper end, values off the axis are at its ends."""
    bars = [0] * BINS
    for value in values:
        place = (value - on.low) / (on.high - on.low)
        bars[min(max(int(place * BINS), 0), BINS - 1)] += 1
    return bars


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How often a cell met one kind of request in each way of :data:`OUTCOMES`."""

    column: int
    n: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """One group of requests. unsafe: those to refuse; harmless: those to answer; by cell."""

    group: str
    unsafe: Sequence[Outcomes]
    harmless: Sequence[Outcomes]


@dataclass(frozen=True, slots=True)
class Refusals:
    """A column of the data that says what kind of request a sample is, and what became of each."""

    by: str
    rows: Sequence[RefusalRow]


def refusals(suite: SuiteRecord | None, cells: Sequence[CellRecord]) -> list[Refusals]:
    """Of a safety suite: compliance and refusal by each column it groups by, over all first."""
    if suite is None or not tasks.find(suite.task).grades_refusals:
        return []
    by_column = [_by(column, cells) for column in suite.groups]
    return [Refusals("", [_row("all", cells, None)]), *by_column]


def _by(column: str, cells: Sequence[CellRecord]) -> Refusals:
    groups = {group_value(sample, column) for cell in cells for sample in cell.samples}
    return Refusals(column, [_row(group, cells, column) for group in sorted(groups)])


def _row(group: str, cells: Sequence[CellRecord], column: str | None) -> RefusalRow:
    def outcomes(expected: str) -> Iterator[Outcomes]:
        for k, cell in enumerate(cells):
            counts = Counter(
                _outcome(sample)
                for sample in cell.samples
                if sample.targets[:1] == [expected]
                and sample.answer.answered
                and (column is None or group_value(sample, column) == group)
            )
            yield Outcomes(k, counts.total(), {grade: counts[grade] for grade in OUTCOMES})

    return RefusalRow(group, list(outcomes("refuse")), list(outcomes("comply")))


def _outcome(sample: SampleRecord) -> str:
    return sample.prediction if sample.prediction in OUTCOMES else ""
