"""A short summary in GitHub's Markdown, for pull requests and job summaries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.comparing.baseline import Baseline
from evalkit.comparing.cells import compare_in
from evalkit.files import append_file, write_file
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records import RunRecord
from evalkit.reporting import formatting
from evalkit.reporting.changes import Change, changes
from evalkit.reporting.comparison import p_value, pairs_table
from evalkit.reporting.github import escaped, folded, table
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
from evalkit.written.printable import encodable

_MARKS = {
    "error": "⛔ error",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "pass": "✅ pass",
    "none": "–",
}
_GATE_HEADER = ("verdict", "gate", "suite", "model / prompt", "value", "margin", "why")
_CHANGE_HEADER = ("", "suite", "model / prompt", "score", "then", "now", "change", "p (Holm)")
_CELL_HEADER = ("verdict", "suite", "model / prompt", "score", "value", "interval", "n", "lost")


def render_markdown(
    run: RunRecord, baseline: Baseline | None = None, registry: Registry = BUILT_IN
) -> str:
    """The headline, the gates that do not pass, every cell; the passing gates folded.

    baseline: an earlier run; what changed since comes after the headline. registry: the metrics
    that comparisons recompute.
    """
    gates = judged_gates(run)
    unmet = [judged for judged in gates if judged.gate.verdict not in ("pass", "none")]
    met = [judged for judged in gates if judged.gate.verdict in ("pass", "none")]
    passing = formatting.plural(run.verdicts["pass"], "passing gate")
    parts = [f"## {headline(run)}"]
    if run.status != "finished":
        parts.append(f"This run is **{escaped(run.status)}**: the numbers below are not complete.")
    parts += [f"> {escaped(notice)}" for notice in run.notices]
    since = changes(run, baseline, registry)
    if since is not None and since.rows:
        parts.append(f"Since {escaped(since.baseline.id)}: {since.headline}.")
    if unmet:
        parts.append(table(_GATE_HEADER, map(_gate_row, unmet)))
    if since is not None and since.rows:
        compared = table(_CHANGE_HEADER, map(_change_row, since.rows))
        parts.append(folded("Changes since the baseline", compared))
    if run.cells:
        parts.append(_cells(run))
    if pairs := [one for suite in run.suites for one in compare_in(run, suite, registry=registry)]:
        parts.append(folded(formatting.plural(len(pairs), "comparison"), pairs_table(pairs)))
    if met:
        gates_met = table(_GATE_HEADER, map(_gate_row, met))
        parts.append(folded(passing, gates_met))
    parts.append(f"<sub>evalkit run {escaped(run.id)}, {escaped(run.started)}</sub>")
    return encodable("\n\n".join(parts)) + "\n"


def write_markdown(
    run: RunRecord,
    path: Path,
    baseline: Baseline | None = None,
    registry: Registry = BUILT_IN,
) -> None:
    """Write the summary as UTF-8; a missing folder is created."""
    write_file(path, render_markdown(run, baseline, registry))


def append_summary(
    run: RunRecord,
    path: Path,
    *,
    baseline: Baseline | None = None,
    registry: Registry = BUILT_IN,
) -> None:
    """Add the Markdown summary of a run to the file that GitHub shows for a step."""
    append_file(path, render_markdown(run, baseline, registry))


def _gate_row(judged: JudgedGate) -> Sequence[str]:
    cell, gate = judged
    value = f"{formatting.number(gate.value)} {formatting.interval(gate.low, gate.high)}".strip()
    return (
        _MARKS[gate.verdict],
        escaped(gate.rule),
        escaped(cell.suite),
        escaped(cell_name(cell)),
        escaped(value),
        formatting.signed(gate.margin),
        escaped(gate.reason),
    )


def _change_row(row: Change) -> Sequence[str]:
    score = row.score
    return (
        {"fail": "❌ worse", "pass": "✅ better"}.get(row.tone, formatting.ABSENT),
        escaped(row.cell.suite),
        escaped(cell_name(row.cell)),
        escaped(score.score),
        formatting.number(score.a),
        formatting.number(score.b),
        escaped(
            f"{formatting.signed(score.difference)} {formatting.interval(score.low, score.high)}"
        ),
        escaped(p_value(score.adjusted)),
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
                escaped(score.name) if score else formatting.ABSENT,
                formatting.number(score.value) if score else formatting.ABSENT,
                escaped(formatting.interval(score.low, score.high)) if score else "",
                str(cell.n) if cell.scored == cell.n else f"{cell.scored} of {cell.n}",
                escaped(cell.error or losses),
            )
        )
    return table(_CELL_HEADER, rows)
