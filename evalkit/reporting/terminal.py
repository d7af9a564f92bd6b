"""The summary that pytest prints at the end: a line per cell, failures first. Plain text.

Lines of cells alternate with lines about lost samples, and long names are cut in the middle.
Rich's tables support neither, so only the width of characters comes from rich.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from rich.cells import cell_len, set_cell_size

from evalkit.records import CellRecord, RunRecord
from evalkit.records.analyses import JudgedReport
from evalkit.reporting import formatting
from evalkit.reporting.summary import (
    cell_name,
    cell_verdict,
    cells_worst_first,
    counted,
    headline,
    lost,
    main_score,
    worst_case,
)
from evalkit.written.printable import one_line

_MARKS = {"error": "ERROR", "fail": "FAIL", "inconclusive": "UNSURE", "pass": "pass", "none": "-"}
_HEADER = ("", "model/prompt", "score", "value", "interval", "n", "gates met")
_RIGHT = frozenset({3, 5, 6})
_SHRINK = (1, 2)
"""Columns that shrink in a narrow terminal, first to last."""
_LEAST = 12
_INDENT = " " * 8


def summary_lines(run: RunRecord, width: int = 100) -> list[str]:
    """The run's headline, then per suite one line per cell, none wider than ``width``.

    Suites and cells with the worst verdict come first; lost samples follow their cell.
    Widths below 80 are treated as 80, above 120 as 120.
    """
    width = min(max(width, 80), 120)
    lines = [headline(run)]
    for notice in run.notices:
        lines += wrap(one_line(notice), width, subsequent_indent="  ")
    cells = cells_worst_first(run)
    sizes = _sizes([_HEADER, *(_row(run, cell) for cell in cells)], width)
    if cells:
        lines += ["", _line(_HEADER, sizes)]
    for suite in dict.fromkeys(cell.suite for cell in cells):
        lines.append(one_line(suite))
        for cell in cells:
            if cell.suite == suite:
                lines.append(_line(_row(run, cell), sizes))
                lines += [_INDENT + grade for grade in _judged(run, cell)]
                lines += [_INDENT + problem for problem in _problems(run, cell)]
    return [set_cell_size(line, width).rstrip() for line in lines]


def _judged(run: RunRecord, cell: CellRecord) -> list[str]:
    """Judged scores, one per line, each followed by its corrected value."""
    reports = {a.score: a for a in cell.analyses if isinstance(a, JudgedReport)}
    main = main_score(run, cell)
    lines = []
    for name, report in reports.items():
        score = cell.scores.get(name)
        if score and (not main or name != main.name):
            lines.append(
                f"judged {one_line(name)} {plain(formatting.number(score.value))}"
                f" {plain(formatting.interval(score.low, score.high))}"
                f" of {plain(formatting.number(score.range_low))} to"
                f" {plain(formatting.number(score.range_high))}, n {score.n}"
            )
        for key, made in report.corrected.items():
            whose = "rules'" if report.judges[0].judge == "rules" else "judge's"
            lines.append(
                f"corrected {one_line(key)} {plain(formatting.number(made.value))}"
                f" {plain(formatting.interval(made.low, made.high))}, by the {whose} errors on"
                f" {_cases(report)} labelled cases"
            )
    return lines


def _cases(report: JudgedReport) -> int:
    certificate = report.judges[0].certificate
    return certificate.cases if certificate else 0


def _row(run: RunRecord, cell: CellRecord) -> tuple[str, ...]:
    score = main_score(run, cell)
    passed = sum(gate.verdict == "pass" for gate in cell.gates)
    return (
        _MARKS[cell_verdict(cell)],
        one_line(cell_name(cell)),
        one_line(score.name) if score else "",
        plain(formatting.number(score.value)) if score else "",
        plain(formatting.interval(score.low, score.high)) if score else "",
        str(cell.n) if cell.scored == cell.n else f"{cell.scored}/{cell.n}",
        f"{passed} of {len(counted(cell))}" if counted(cell) else "none",
    )


def _problems(run: RunRecord, cell: CellRecord) -> list[str]:
    """Notes on a cell: why a score is missing, lost samples, failed checks."""
    losses = ", ".join(f"{count} {status}" for status, count in lost(cell).items())
    score = main_score(run, cell)
    if bounds := worst_case(score):
        losses += f"; {score.name if score else ''} {bounds}"
    broken = [
        f"check {one_line(rule)}: {count} of {cell.n} responses break it"
        for rule, count in cell.checks.items()
        if count
    ]
    ties = f"{cell.ties} chosen by less than rounding" if cell.ties else ""
    undecided = all(gate.verdict == "none" for gate in cell.gates)
    why = {*cell.distrust.values(), *(gate.reason for gate in cell.gates if undecided)}
    every = (
        one_line(cell.error),
        one_line(plain(losses)),
        *map(one_line, sorted(why)),
        ties,
        *broken,
    )
    return [text for text in every if text]


def _sizes(rows: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """The width of each column, reduced to fit a narrow terminal."""
    sizes = [max(cell_len(row[i]) for row in rows) for i in range(len(_HEADER))]
    excess = sum(sizes) + 2 * (len(sizes) - 1) - width
    for column in _SHRINK:
        given = min(max(excess, 0), max(sizes[column] - _LEAST, 0))
        sizes[column] -= given
        excess -= given
    return sizes


def _line(row: tuple[str, ...], sizes: list[int]) -> str:
    fitted = [_fit(text, size) for text, size in zip(row, sizes, strict=True)]
    return "  ".join(
        " " * (size - cell_len(text)) + text if i in _RIGHT else set_cell_size(text, size)
        for i, (text, size) in enumerate(zip(fitted, sizes, strict=True))
    )


def _fit(text: str, size: int) -> str:
    """Cut in the middle: names that differ mostly differ at their start or their end."""
    if cell_len(text) <= size:
        return text
    end = (size - 2) // 2
    tail = set_cell_size(text[::-1], end)[::-1]
    return f"{set_cell_size(text, size - 2 - end)}..{tail}"


def plain(number: str) -> str:
    """Dash and minus in ASCII."""
    return number.replace(formatting.ABSENT, "-").replace(formatting.MINUS, "-")
