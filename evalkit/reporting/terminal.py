"""The lines pytest prints when all is done: one per cell, what failed on top. Plain text."""

from __future__ import annotations

from evalkit.records import CellRecord, RunRecord
from evalkit.reporting import words
from evalkit.reporting.summary import (
    cell_name,
    cell_verdict,
    cells_worst_first,
    headline,
    lost,
    main_score,
)

_MARKS = {"error": "ERROR", "fail": "FAIL", "inconclusive": "UNSURE", "pass": "pass", "none": "-"}
_HEADER = ("", "suite", "model/prompt", "score", "value", "interval", "n", "gates", "lost")
_RIGHT = frozenset({4, 6})
_SHRINK = (8, 2, 1, 3)
"""Columns that give way in a narrow terminal, first to last."""
_LEAST = 9


def summary_lines(run: RunRecord, width: int = 100) -> list[str]:
    """The run's headline, then a table with one line per cell, none wider than ``width``.

    Widths below 80 are treated as 80, above 120 as 120.
    """
    width = min(max(width, 80), 120)
    lines = [headline(run)]
    if run.cells:
        rows = [_HEADER, *(_row(run, cell) for cell in cells_worst_first(run))]
        lines += ["", *_table(rows, width)]
    return lines


def _row(run: RunRecord, cell: CellRecord) -> tuple[str, ...]:
    score = main_score(run, cell)
    mark = _MARKS[cell_verdict(cell)]
    if cell.error:
        problem = " ".join(words.encodable(cell.error).split())
        return (mark, cell.suite, cell_name(cell), "", "", "", str(cell.n), _gates(cell), problem)
    return (
        mark,
        cell.suite,
        cell_name(cell),
        score.name if score else "",
        words.number(score.value) if score else "",
        words.interval(score.low, score.high) if score else "",
        str(cell.n) if cell.scored == cell.n else f"{cell.scored}/{cell.n}",
        _gates(cell),
        ", ".join(f"{count} {status}" for status, count in lost(cell).items()),
    )


def _gates(cell: CellRecord) -> str:
    if not cell.gates:
        return "none"
    passed = sum(gate.verdict == "pass" for gate in cell.gates)
    return f"{passed}/{len(cell.gates)} pass"


def _table(rows: list[tuple[str, ...]], width: int) -> list[str]:
    sizes = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    excess = sum(sizes) + 2 * (len(sizes) - 1) - width
    for column in _SHRINK:
        given = min(max(excess, 0), max(sizes[column] - _LEAST, 0))
        sizes[column] -= given
        excess -= given
    return [_line(row, sizes)[:width].rstrip() for row in rows]


def _line(row: tuple[str, ...], sizes: list[int]) -> str:
    fitted = (_fit(text, size) for text, size in zip(row, sizes, strict=True))
    return "  ".join(
        text.rjust(size) if i in _RIGHT else text.ljust(size)
        for i, (text, size) in enumerate(zip(fitted, sizes, strict=True))
    )


def _fit(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 2] + ".."
