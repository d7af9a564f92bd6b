"""From names on the command line to the cells to compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from evalkit.comparing.baseline import beside
from evalkit.comparing.operand import Side, side_of
from evalkit.errors import UsageError, unknown
from evalkit.records import CellRecord, RunRecord

Load = Callable[[str], RunRecord | None]
"""The run of an id, a label, ``last`` or a file; None for any other name."""


def select(
    names: Sequence[str], load: Load, suites: Sequence[str] = (), model: str = ""
) -> list[tuple[Side, Side]]:
    """The pairs of cells that some names ask to compare, the first name being the reference.

    Several runs: each cell with its counterpart in the first run (``model``: of this model).
    Cells (``model/prompt``), prompts or models: within one run, which may be named before them and
    is else the last. One run alone: its cells with each other. Raises UsageError when there is
    nothing to compare.
    """
    runs, cells = _split(names, load)
    if len(runs) > 1 and cells:
        raise UsageError(
            f"compare several runs, or cells of one run, not both ({', '.join(names)});"
            " write: evalkit compare RUN model/prompt model/prompt"
        )
    if model and len(runs) < 2:
        raise UsageError("--baseline-model is for the first of several runs; name two runs")
    if len(runs) > 1:
        pairs = [two for other in runs[1:] for two in _across(runs[0], other, model)]
    elif len(cells) > 1:
        pairs = _within(runs[0] if runs else _last(load), cells)
    elif runs and not cells:
        pairs = _all_of(runs[0])
    else:
        raise UsageError("name two things to compare: runs, model/prompt cells, or prompts")
    kept = [two for two in pairs if not suites or two[0].cell.suite in suites]
    if not kept:
        known = sorted({two[0].cell.suite for two in pairs})
        raise UsageError(
            unknown("suite", suites[0], known)
            if suites and pairs
            else f"nothing to compare: {' and '.join(names)} have no cells of one suite"
        )
    return kept


def _split(names: Sequence[str], load: Load) -> tuple[list[RunRecord], list[str]]:
    runs, cells = [], []
    for name in names:
        run = load(name)
        if run is None:
            cells.append(name)
        else:
            runs.append(run)
    return runs, cells


def _last(load: Load) -> RunRecord:
    run = load("last")
    if run is None:
        raise UsageError("the store holds no run yet")
    return run


def _across(first: RunRecord, second: RunRecord, model: str) -> list[tuple[Side, Side]]:
    """The cells of a run, each with the cell of the first run that it is compared with."""
    baseline = beside(first, second, model)
    assert baseline is not None
    found = [(baseline.find(y.suite, y.model, y.prompt), y) for y in second.cells]
    return [(side_of(first, x), side_of(second, y)) for x, y in found if x is not None]


def _within(run: RunRecord, names: Sequence[str]) -> list[tuple[Side, Side]]:
    found = [(name, _matching(run, name)) for name in names]
    (reference, first), others = found[0], found[1:]
    pairs = []
    for name, cells in others:
        for x in first:
            for y in cells:
                if x.suite == y.suite and _comparable(reference, name, x, y):
                    pairs.append((side_of(run, x), side_of(run, y)))
    return pairs


def _comparable(reference: str, name: str, x: CellRecord, y: CellRecord) -> bool:
    """Prompts are compared under one model, models under one prompt."""
    if reference == x.prompt and name == y.prompt:
        return x.model == y.model
    if reference == x.model and name == y.model:
        return x.prompt == y.prompt
    return _names(x) != _names(y)


def _matching(run: RunRecord, name: str) -> list[CellRecord]:
    found = [c for c in run.cells if name in (f"{c.model}/{c.prompt}", c.prompt, c.model)]
    if not found:
        known = dict.fromkeys(
            text for c in run.cells for text in (f"{c.model}/{c.prompt}", c.prompt, c.model)
        )
        raise UsageError(f"no run is called '{name}', and in run {run.id}: "
                         + unknown("cell", name, list(known)))  # fmt: skip
    return found


def _all_of(run: RunRecord) -> list[tuple[Side, Side]]:
    suites = dict.fromkeys(cell.suite for cell in run.cells)
    return [
        (side_of(run, x), side_of(run, y))
        for suite in suites
        for x, y in combinations([c for c in run.cells if c.suite == suite and not c.error], 2)
    ]


def _names(cell: CellRecord) -> tuple[str, str]:
    return cell.model, cell.prompt
