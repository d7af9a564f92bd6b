"""What the page shows of judges: who graded, their agreement, pairwise results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import CellRecord
from evalkit.records.analyses import JudgedReport, PairwiseReport


@dataclass(frozen=True, slots=True)
class JudgedCell:
    """The judges' report on one score of one cell."""

    column: int
    report: JudgedReport


@dataclass(frozen=True, slots=True)
class JudgedTable:
    """One judged score over the cells of a suite. first: the report of the first of them."""

    score: str
    first: JudgedReport
    cells: Sequence[JudgedCell]


@dataclass(frozen=True, slots=True)
class DuelRow:
    """A cell against every opponent. met: ``(wins, ties, losses)`` against each, or None."""

    name: str
    strength: float | None
    low: float | None
    high: float | None
    met: Sequence[tuple[int, int, int] | None]


@dataclass(frozen=True, slots=True)
class Duels:
    """Wins, ties and losses of every cell (rows) against every other (columns).

    contradicted: of ``pairs``, how many the order decided.
    """

    score: str
    opponents: Sequence[str]
    rows: Sequence[DuelRow]
    pairs: int
    contradicted: int


def judged_tables(cells: Sequence[CellRecord]) -> list[JudgedTable]:
    """The judged scores of a suite, in its order."""
    found: dict[str, list[JudgedCell]] = {}
    for k, cell in enumerate(cells):
        for analysis in cell.analyses:
            if isinstance(analysis, JudgedReport):
                found.setdefault(analysis.score, []).append(JudgedCell(k, analysis))
    return [JudgedTable(score, judged[0].report, judged) for score, judged in found.items()]


def duels(cells: Sequence[CellRecord]) -> list[Duels]:
    """The pairwise scores of a suite, each as a matrix."""
    found: dict[str, list[tuple[CellRecord, PairwiseReport]]] = {}
    for cell in cells:
        for analysis in cell.analyses:
            if isinstance(analysis, PairwiseReport):
                found.setdefault(analysis.score, []).append((cell, analysis))
    return [_matrix(score, reports) for score, reports in found.items()]


def _matrix(score: str, reports: Sequence[tuple[CellRecord, PairwiseReport]]) -> Duels:
    names = dict.fromkeys(row.against for _, report in reports for row in report.opponents)
    order = [f"{cell.model}/{cell.prompt}" for cell, _ in reports]
    opponents = [name for name in order if name in names] + [n for n in names if n not in order]
    rows = []
    for cell, report in reports:
        met = {row.against: (row.wins, row.ties, row.losses) for row in report.opponents}
        against = [met.get(name) for name in opponents]
        name = f"{cell.model}/{cell.prompt}"
        rows.append(DuelRow(name, report.strength, report.low, report.high, against))
    # Each pair of cells is counted on both sides, one with the target on one side only.
    sides = 1 if "target" in opponents else 2
    pairs = sum(report.pairs for _, report in reports) // sides
    contradicted = sum(report.contradicted for _, report in reports) // sides
    return Duels(score, opponents, rows, pairs, contradicted)
