"""What changed since a baseline, an earlier run whose cells are paired with this run's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.comparing.baseline import Baseline
from evalkit.comparing.cells import compare_cells
from evalkit.comparing.operand import side_of
from evalkit.comparing.scores import ScoreComparison, significant
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records import CellRecord, RunRecord
from evalkit.reporting.bars import Axis, Bar


@dataclass(frozen=True, slots=True)
class Change:
    """The main score of one cell, compared with its cell of the baseline.

    column: the cell's place among those of its suite. tone: ``pass`` if significantly better,
    ``fail`` if significantly worse, else ``none``.
    """

    cell: CellRecord
    column: int
    score: ScoreComparison
    bar: Bar
    tone: str


@dataclass(frozen=True, slots=True)
class Changes:
    """A run against its baseline. alone: cells without a counterpart in the baseline."""

    baseline: RunRecord
    rows: Sequence[Change]
    alone: Sequence[CellRecord]

    @property
    def headline(self) -> str:
        """``1 cell is worse, 2 are better, 3 show no significant change``."""
        counts = [(self._count("fail"), "worse"), (self._count("pass"), "better")]
        parts = [f"{n} {'is' if n == 1 else 'are'} {word}" for n, word in counts if n]
        same = self._count("none")
        if same:
            parts.append(f"{same} {'shows' if same == 1 else 'show'} no significant change")
        return ", ".join(parts)

    def _count(self, tone: str) -> int:
        return sum(row.tone == tone for row in self.rows)


def changes(
    run: RunRecord, baseline: Baseline | None, registry: Registry = BUILT_IN
) -> Changes | None:
    """Every cell that both runs have, significantly worse ones first; None without a baseline."""
    if baseline is None:
        return None
    columns, found = _columns(run), []
    alone = []
    for cell in run.cells:
        other = before(baseline, cell)
        if other is None or not other.samples or not cell.samples or not cell.scores:
            alone.append(cell)
        else:
            found.append((cell, (side_of(baseline.run, other), side_of(run, cell))))
    compared = compare_cells([sides for _, sides in found], registry=registry, flips=False)
    scores = [
        (cell, score)
        for (cell, _), one in zip(found, compared, strict=True)
        for score in one.scores
    ]
    on = symmetric([score for _, score in scores])
    rows = [
        Change(cell, columns[id(cell)], score, difference_bar(score, on), tone(score))
        for cell, score in scores
    ]
    worst_first = sorted(rows, key=lambda r: ("fail", "pass", "none").index(r.tone))
    return Changes(baseline.run, worst_first, alone)


def before(baseline: Baseline | None, cell: CellRecord) -> CellRecord | None:
    """The cell of a baseline that this one is compared with."""
    return baseline.find(cell.suite, cell.model, cell.prompt) if baseline else None


def symmetric(scores: Sequence[ScoreComparison]) -> Axis:
    """An axis of differences with 0 in the middle, wide enough for all of them."""
    seen = [abs(v) for s in scores for v in (s.low, s.high, s.difference) if math.isfinite(v)]
    most = max(seen, default=0.0) or 1.0
    return Axis(-most, most)


def difference_bar(score: ScoreComparison, on: Axis) -> Bar:
    """A difference with its interval; the tick is at no difference."""
    return Bar(on.at(score.difference), on.at(score.low), on.at(score.high), (50.0,))


def tone(score: ScoreComparison) -> str:
    """``pass`` if b is significantly better, ``fail`` if significantly worse, else ``none``."""
    if not significant(score) or score.better not in ("higher", "lower"):
        return "none"
    return "pass" if (score.difference > 0) == (score.better == "higher") else "fail"


def _columns(run: RunRecord) -> dict[int, int]:
    """By the identity of a cell, its place among the cells of its suite."""
    seen: dict[str, int] = {}
    places = {}
    for cell in run.cells:
        places[id(cell)] = seen.get(cell.suite, 0)
        seen[cell.suite] = places[id(cell)] + 1
    return places
