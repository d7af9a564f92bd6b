"""The summary shared by all renderings: the headline, failures, lost samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evalkit.records import CellRecord, GateRecord, RunRecord, ScoreRecord
from evalkit.reporting import formatting

WORST_FIRST = ("fail", "error", "inconclusive", "pass", "none")
"""Verdicts, most urgent first."""

LOSSES = ("error", "overflow", "unparsed", "truncated")
"""Statuses other than ``ok``, gravest first."""


class JudgedGate(NamedTuple):
    """A gate and the cell it was judged on."""

    cell: CellRecord
    gate: GateRecord


def cell_name(cell: CellRecord) -> str:
    """``model/prompt``, as in the ids of pytest's items."""
    return f"{cell.model}/{cell.prompt}"


def worst(verdicts: Iterable[str]) -> str:
    """The most urgent verdict; ``none`` if there is none."""
    return min(verdicts, key=WORST_FIRST.index, default="none")


def cell_verdict(cell: CellRecord) -> str:
    """The most urgent verdict; ``error`` for a cell without any response."""
    return "error" if cell.error else worst(gate.verdict for gate in cell.gates)


def counted(cell: CellRecord) -> list[GateRecord]:
    """The gates of a cell that have a verdict."""
    return [gate for gate in cell.gates if gate.verdict != "none"]


def judged_gates(run: RunRecord) -> list[JudgedGate]:
    """Every gate of a run, worst verdicts first, else in the order of the run."""
    gates = [JudgedGate(cell, gate) for cell in run.cells for gate in cell.gates]
    return sorted(gates, key=lambda judged: WORST_FIRST.index(judged.gate.verdict))


def cells_worst_first(run: RunRecord) -> list[CellRecord]:
    """The cells of a run, worst verdicts first, else in the order of the run."""
    return sorted(run.cells, key=lambda cell: WORST_FIRST.index(cell_verdict(cell)))


def main_score(run: RunRecord, cell: CellRecord) -> ScoreRecord | None:
    """The score that stands for a cell: the suite's first metric, else the cell's first score."""
    suite = run.suites.get(cell.suite)
    for name in suite.metrics if suite else ():
        if name in cell.scores:
            return cell.scores[name]
    return next(iter(cell.scores.values()), None)


def lost(cell: CellRecord) -> dict[str, int]:
    """How many samples of a cell ended in each status other than ``ok``, gravest first."""
    return {status: cell.statuses[status] for status in LOSSES if cell.statuses.get(status)}


def worst_case(score: ScoreRecord | None) -> str:
    """The bounds of a score over all outcomes of the lost samples; "" if none is lost."""
    if score is None or score.worst_low is None or score.worst_high is None:
        return ""
    bounds = f"{formatting.number(score.worst_low)} to {formatting.number(score.worst_high)}"
    return f"{bounds} with the {score.lost:,} lost at their worst and best"


def limited(total: int, limit: int | None) -> str:
    """``150 of 2,000, seeded`` when a part was taken, else the total."""
    if limit is None or limit >= total:
        return f"{total:,}"
    return f"{limit:,} of {total:,}, seeded"


def headline(run: RunRecord) -> str:
    """One sentence: how many gates fail, cannot be judged or are inconclusive, and how many checks
    on responses fail (a response that breaks two rules fails two)."""
    counts = run.verdicts
    total = sum(counts.values())
    broken = sum(count for cell in run.cells for count in cell.checks.values())
    many = f"{broken:,} checks on responses fail"
    checks = ["1 check on a response fails" if broken == 1 else many] if broken else []
    if not total:
        none = "No gate was decided" if run.undecided else "No gates were set"
        return ", ".join([none, *checks])
    checks += [f"no gate of {suite} was decided" for suite in run.undecided]
    if counts["pass"] == total and checks:
        return ", ".join([f"{total} gate passes" if total == 1 else f"{total} gates pass", *checks])
    if counts["pass"] == total:
        return "The gate passes" if total == 1 else f"All {total} gates pass"
    outcomes = [
        (counts["fail"], "fails" if counts["fail"] == 1 else "fail"),
        (counts["error"], "could not be judged"),
        (counts["inconclusive"], f"{'is' if counts['inconclusive'] == 1 else 'are'} inconclusive"),
    ]
    (first, what), *rest = [(number, phrase) for number, phrase in outcomes if number]
    gates = "gate" if total == 1 else "gates"
    judged = [f"{first} of {total} {gates} {what}", *(f"{n} {w}" for n, w in rest)]
    return ", ".join([*judged, *checks])
