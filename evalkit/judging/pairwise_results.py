"""Pairwise results of cells: wins, strengths, and how often the order decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from evalkit.judging.judgments import value_of
from evalkit.judging.load import Judged
from evalkit.judging.pairwise import strengths, verdict
from evalkit.judging.panel import combined
from evalkit.judging.questions import (
    TARGET,
    Case,
    GradedCell,
    JudgeRequest,
    Place,
    opponents,
    other_text,
    own_text,
    places,
)
from evalkit.records.analyses import OpponentRow, PairwiseReport
from evalkit.records.judgments import Category

Duels = dict[tuple[int, int], dict[Place, float]]
"""By pair of cells (their ids), the result of the first for each answer: 1, ½ or 0."""
Grades = Mapping[int, Mapping[str, dict[str, dict[Place, float]]]]
"""By cell (its id), judge and criterion ("" for the whole), the grade of each answer."""


def grade_pairs(
    cells: Sequence[GradedCell],
    judged: Judged,
    queries: Sequence[JudgeRequest],
    judges: Sequence[str],
    by_cell: Grades,
    duels: Duels,
) -> None:
    """Write the verdicts on pairs, from both orders; a grade is the mean over opponents."""
    first: dict[tuple[int, int, Place, str, bool], float | None] = {}
    for query in _graded(queries):
        case = query.case
        answered = (case.sample, case.repeat)
        asked = (id(case.cell), id(case.other), answered, query.judge.name, case.swapped)
        first[asked] = value_of(query)
    met: dict[tuple[int, str, Place], list[float | None]] = {}
    for one, other in opponents(cells, judged.spec.against):
        own = dict.fromkeys(places(one, judged))
        others = dict.fromkeys(places(other, judged)) if other is not None else own
        for place in own | others:
            both = place in own and place in others
            results = []
            for judge in judges:
                key = (id(one), id(other), place, judge)
                case = Case(one, *place, paired=True, other=other)
                grades = (first.get((*key, False)), first.get((*key, True)))
                value = _pair_value(*grades, case) if both else None
                met.setdefault((id(one), judge, place), []).append(value)
                if other is not None:
                    mirrored = None if value is None else 1.0 - value
                    met.setdefault((id(other), judge, place), []).append(mirrored)
                results.append(value)
            whole = [value for value in results if value is not None]
            if len(whole) == len(judges):
                pair = (id(one), id(other))
                duels.setdefault(pair, {})[place] = combined(whole, judged.spec.aggregate)
    for (cell, judge, place), values in met.items():
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            by_cell[cell][judge].setdefault("", {})[place] = fmean(known)


def _graded(queries: Iterable[JudgeRequest]) -> Iterator[JudgeRequest]:
    """The questions that have a grade: all but those about categories."""
    return (query for query in queries if not isinstance(query.aspect, Category))


def _pair_value(first: float | None, second: float | None, case: Case) -> float | None:
    if first is not None and second is not None:
        return verdict(first, second)
    return 0.5 if other_text(case) == own_text(case) else None


def strengths_of(
    cells: Sequence[GradedCell],
    judged: Judged,
    duels: Mapping[tuple[int, int], Mapping[Place, float]],
) -> dict[int, dict[str, float]]:
    """Bradley-Terry strengths of the cells, by cell; empty for fewer than two that met."""
    number = {id(cell): i for i, cell in enumerate(cells)}
    tables: dict[int, list[list[float]]] = {}
    for (one, other), verdicts in duels.items():
        if one not in number or other not in number:
            continue
        for (sample, _), value in verdicts.items():
            table = tables.setdefault(sample, [[0.0] * len(cells) for _ in cells])
            table[number[one]][number[other]] += value
            table[number[other]][number[one]] += 1.0 - value
    if not tables:
        return {}
    found = strengths(list(tables.values()))
    return {
        id(cell): {
            "strength": float(found.values[i]),
            "low": float(found.low[i]),
            "high": float(found.high[i]),
        }
        for i, cell in enumerate(cells)
    }


def write_duels(
    cell: GradedCell,
    cells: Sequence[GradedCell],
    judged: Judged,
    queries: Sequence[JudgeRequest],
    duels: Mapping[tuple[int, int], Mapping[Place, float]],
    table: Mapping[int, Mapping[str, float]],
) -> None:
    """Wins, ties and losses against each opponent, and how often the order decided."""
    names = {id(other): other.name for other in cells}
    names[id(None)] = TARGET
    rows: list[OpponentRow] = []
    for (one, other), verdicts in duels.items():
        if id(cell) not in (one, other):
            continue
        values = [v if one == id(cell) else 1.0 - v for v in verdicts.values()]
        rows.append(
            OpponentRow(
                against=names[other if one == id(cell) else one],
                wins=sum(v > 0.5 for v in values),
                ties=sum(v == 0.5 for v in values),
                losses=sum(v < 0.5 for v in values),
            )
        )
    decided, contradicted = _contradictions(queries)
    cell.done.record.analyses.append(
        PairwiseReport(
            score=judged.score,
            rubric=judged.rubric.name,
            opponents=tuple(sorted(rows, key=lambda row: row.against)),
            pairs=decided,
            contradicted=contradicted,
            **table.get(id(cell), {}),
        )
    )


def _contradictions(queries: Sequence[JudgeRequest]) -> tuple[int, int]:
    """Pairs asked both ways round, and those in which the order decided."""
    grades: dict[tuple[int, int, int, int, str], list[float | None]] = {}
    for query in _graded(queries):
        case = query.case
        key = (id(case.cell), id(case.other), case.sample, case.repeat, query.judge.name)
        grades.setdefault(key, []).append(value_of(query))
    both = [v for v in grades.values() if len(v) == 2 and None not in v]
    return len(both), sum(first == second for first, second in both)
