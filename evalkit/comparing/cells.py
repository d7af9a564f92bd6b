"""Two cells compared: their scores, and the samples on which they differ. A family, by Holm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from evalkit import tasks
from evalkit.comparing.operand import Side, pair, side_of
from evalkit.comparing.scores import ScoreComparison, compare_score
from evalkit.errors import UsageError, unknown
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records import RunRecord
from evalkit.records.names import ScoreName
from evalkit.stats.paired import holm


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample that is right in one cell and wrong in the other. a, b: the predictions."""

    id: str
    a: str | None
    b: str | None
    targets: tuple[str, ...]
    won: bool


@dataclass(frozen=True, slots=True)
class CellComparison:
    """b compared with a, over the samples both have. a, b: their names."""

    suite: str
    a: str
    b: str
    scores: list[ScoreComparison]
    flips: list[Flip]


def compare_cells(
    pairs: Sequence[tuple[Side, Side]],
    metrics: Sequence[str] = (),
    *,
    registry: Registry = BUILT_IN,
    confidence: float = 0.95,
    seed: int = 0,
    flips: bool = True,
) -> list[CellComparison]:
    """Compare each second cell with the first of its pair.

    metrics: full names of scores, a metric's name for all of its scores (``recall``), or
    ``all``; default: the first score of the suite. registry: where metrics are looked up. flips:
    whether to list the samples that flipped. All p-values of one call are one family.
    Raises UsageError for a score that neither cell has.
    """
    found = []
    for a, b in pairs:
        names = _scores(a, b, metrics)
        scores = [
            compare_score(a, b, name, registry=registry, confidence=confidence, seed=seed)
            for name in names
        ]
        flipped = _flips(a, b, names) if flips else []
        found.append(CellComparison(a.cell.suite, *_called(a, b), scores, flipped))
    return _adjusted(found)


def compare_in(
    run: RunRecord, suite: str, *, registry: Registry = BUILT_IN, most: int = 28
) -> list[CellComparison]:
    """The cells of one suite of a run with each other, by the suite's first score.

    With more than ``most`` pairs, each cell with the first one only. Needs the run's samples;
    does not list those that flipped.
    """
    sides = [side_of(run, c) for c in run.cells if c.suite == suite and c.samples and c.scores]
    pairs = list(combinations(sides, 2))
    kept = pairs if len(pairs) <= most else [(sides[0], side) for side in sides[1:]]
    return compare_cells(kept, registry=registry, flips=False)


def main_score(side: Side) -> str | None:
    """The score that stands for a cell: of its suite's first metric, else its first."""
    for name in side.suite.metrics if side.suite else ():
        if name in side.cell.scores:
            return name
    return next(iter(side.cell.scores), None)


def _scores(a: Side, b: Side, metrics: Sequence[str]) -> list[str]:
    common = [name for name in a.cell.scores if name in b.cell.scores]
    if not metrics:
        first = main_score(a)
        return [first] if first in common else common[:1]
    if "all" in metrics:
        return common
    names: list[str] = []
    suite = a.suite or b.suite
    columns = suite.groups if suite else []
    for metric in metrics:
        # A plain name means the whole cell, without its groups.
        one = ScoreName.resolve(metric, columns, lambda name: str(name) in common)
        exact = [str(one)] if one else [n for n in common if ScoreName.parse(n).base == metric]
        if not exact:
            raise UsageError(
                f"{a.cell.suite}: {unknown('score', metric, common)}; --metric all takes all"
            )
        names += exact
    return list(dict.fromkeys(names))


def _called(a: Side, b: Side) -> tuple[str, str]:
    """The names of two cells, with their runs if the names are ambiguous."""
    if a.name != b.name:
        return a.name, b.name
    return f"{a.name} ({a.run})", f"{b.name} ({b.run})"


def _flips(a: Side, b: Side, scores: Sequence[str]) -> list[Flip]:
    """The samples whose 0/1 value of the first such score differs."""
    both = pair(a, b)
    a, b, ids = both.a, both.b, both.ids
    for score in scores:
        values = {
            one: (a.samples[one].scores.get(score), b.samples[one].scores.get(score)) for one in ids
        }
        if values and all(v in (0.0, 1.0) for two in values.values() for v in two):
            rows = a if a.whole or "targets" in tasks.find(a.cell.task).kept else b
            return [
                Flip(
                    one,
                    a.samples[one].prediction,
                    b.samples[one].prediction,
                    tuple(rows.samples[one].targets),
                    (second or 0.0) > (first or 0.0),
                )
                for one, (first, second) in values.items()
                if first != second
            ]
    return []


def _adjusted(comparisons: list[CellComparison]) -> list[CellComparison]:
    adjusted = iter(holm([score.p for one in comparisons for score in one.scores]))
    return [
        replace(one, scores=[replace(score, adjusted=next(adjusted)) for score in one.scores])
        for one in comparisons
    ]
