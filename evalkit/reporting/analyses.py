"""Analyses to draw: confusion matrices, reliability diagrams, classification reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import CellRecord
from evalkit.records.analyses import (
    ClassificationReport,
    ConfusionMatrix,
    LabelRow,
    ReliabilityBin,
    ReliabilityDiagram,
)


@dataclass(frozen=True, slots=True)
class Confusion:
    """A confusion matrix to draw; shades count from 0 to 8, by the row's share."""

    column: int
    labels: Sequence[str]
    codes: Sequence[int]
    """The labels' numbers in the index."""
    rows: Sequence[Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class DrawnBin:
    """A bin of a reliability diagram, in percent of its axes; y counts from the top.

    confidence: height of the mean confidence; low, high: the interval of the accuracy; shade: 1
    to 8, by the bin's share of the samples.
    """

    numbers: ReliabilityBin
    x: float
    width: float
    y: float
    confidence: float
    low: float
    high: float
    shade: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram to draw, for one cell."""

    column: int
    numbers: ReliabilityDiagram
    bins: Sequence[DrawnBin]


@dataclass(frozen=True, slots=True)
class ClassReport:
    """Precision, recall, F1 and support by label, for one cell."""

    column: int
    rows: Sequence[LabelRow]


def confusions(cells: Sequence[CellRecord]) -> list[Confusion]:
    """The confusion matrices of a suite's cells."""
    place = {label: i for i, label in enumerate(labels_of(cells))}
    return [
        Confusion(
            k,
            analysis.labels,
            [place[label] for label in analysis.labels],
            [_shaded(row) for row in analysis.counts],
        )
        for k, cell in enumerate(cells)
        for analysis in cell.analyses
        if isinstance(analysis, ConfusionMatrix)
    ]


def labels_of(cells: Sequence[CellRecord]) -> list[str]:
    """The labels of the cells' confusion matrices; empty when there are none."""
    matrices = (a for cell in cells for a in cell.analyses if isinstance(a, ConfusionMatrix))
    return list(dict.fromkeys(label for matrix in matrices for label in matrix.labels))


def _shaded(counts: Sequence[int]) -> list[tuple[int, int]]:
    total = max(sum(counts), 1)
    return [(count, -(-8 * count // total)) for count in counts]


def reliabilities(cells: Sequence[CellRecord]) -> list[Reliability]:
    """The reliability diagrams of a suite's cells."""
    return [
        Reliability(k, analysis, [_bin(one, analysis.bins) for one in analysis.bins])
        for k, cell in enumerate(cells)
        for analysis in cell.analyses
        if isinstance(analysis, ReliabilityDiagram)
    ]


def _bin(one: ReliabilityBin, every: Sequence[ReliabilityBin]) -> DrawnBin:
    largest = max(other.n for other in every)
    return DrawnBin(
        numbers=one,
        x=round(100 * one.low, 2),
        width=round(100 * (one.high - one.low), 2),
        y=round(100 * (1 - one.accuracy), 2),
        confidence=round(100 * (1 - one.confidence), 2),
        low=round(100 * (1 - one.accuracy_low), 2),
        high=round(100 * (1 - one.accuracy_high), 2),
        shade=max(1, -(-8 * one.n // largest)),
    )


def class_reports(cells: Sequence[CellRecord]) -> list[ClassReport]:
    """The classification reports of a suite's cells."""
    return [
        ClassReport(k, analysis.rows)
        for k, cell in enumerate(cells)
        for analysis in cell.analyses
        if isinstance(analysis, ClassificationReport)
    ]
