"""A short summary in GitHub's Markdown, for pull requests and job summaries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from evalkit.records import RunRecord
from evalkit.reporting import words
from evalkit.reporting.summary import (
    JudgedGate,
    cell_name,
    cell_verdict,
    cells_worst_first,
    headline,
    judged_gates,
    lost,
    main_score,
    worst_case,
)

_MARKS = {
    "error": "⛔ error",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "pass": "✅ pass",
    "none": "–",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$@])")
_GATE_HEADER = ("verdict", "gate", "suite", "model / prompt", "value", "margin", "why")
_CELL_HEADER = ("verdict", "suite", "model / prompt", "score", "value", "interval", "n", "lost")


def render_markdown(run: RunRecord) -> str:
    """The headline, the gates that do not pass, every cell; the passing gates folded."""
    gates = judged_gates(run)
    unmet = [judged for judged in gates if judged.gate.verdict != "pass"]
    met = [judged for judged in gates if judged.gate.verdict == "pass"]
    parts = [f"## {headline(run)}"]
    if run.status != "finished":
        parts.append(f"This run is **{escaped(run.status)}**: the numbers below are not complete.")
    if unmet:
        parts.append(table(_GATE_HEADER, map(_gate_row, unmet)))
    if run.cells:
        parts.append(_cells(run))
    if met:
        folded = table(_GATE_HEADER, map(_gate_row, met))
        title = words.plural(len(met), "passing gate")
        parts.append(f"<details><summary>{title}</summary>\n\n{folded}\n\n</details>")
    parts.append(f"<sub>evalkit run {escaped(run.id)}, {escaped(run.started)}</sub>")
    return words.encodable("\n\n".join(parts)) + "\n"


def _gate_row(judged: JudgedGate) -> Sequence[str]:
    cell, gate = judged
    value = f"{words.number(gate.value)} {words.interval(gate.low, gate.high)}".strip()
    return (
        _MARKS[gate.verdict],
        escaped(gate.rule),
        escaped(cell.suite),
        escaped(cell_name(cell)),
        escaped(value),
        words.signed(gate.margin),
        escaped(gate.reason),
    )


def _cells(run: RunRecord) -> str:
    rows = []
    for cell in cells_worst_first(run):
        score = main_score(run, cell)
        losses = ", ".join(f"{count} {status}" for status, count in lost(cell).items())
        if bounds := worst_case(score):
            losses += f"; {bounds}"
        rows.append(
            (
                _MARKS[cell_verdict(cell)],
                escaped(cell.suite),
                escaped(cell_name(cell)),
                escaped(score.name) if score else words.ABSENT,
                words.number(score.value) if score else words.ABSENT,
                escaped(words.interval(score.low, score.high)) if score else "",
                str(cell.n) if cell.scored == cell.n else f"{cell.scored} of {cell.n}",
                escaped(cell.error or losses),
            )
        )
    return table(_CELL_HEADER, rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: one line, nothing in it formats, links or mentions."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
