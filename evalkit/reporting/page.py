"""What the HTML page shows, arranged for its templates. No numbers are computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from evalkit.comparing.baseline import Baseline
from evalkit.comparing.cells import compare_in
from evalkit.comparing.scores import ScoreComparison
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.provenance import to_json
from evalkit.records import CellRecord, GateRecord, ModelRecord, RunRecord, ScoreRecord, SuiteRecord
from evalkit.records.names import ScoreName
from evalkit.reporting import formatting
from evalkit.reporting.analyses import (
    ClassReport,
    Confusion,
    Reliability,
    class_reports,
    confusions,
    reliabilities,
)
from evalkit.reporting.bars import Bar, axis, gate_bar, score_bar
from evalkit.reporting.changes import Changes, changes, difference_bar, symmetric, tone
from evalkit.reporting.document import finite
from evalkit.reporting.figures import Histogram, Refusals, histograms, refusals
from evalkit.reporting.judged import Duels, JudgedTable, duels, judged_tables
from evalkit.reporting.pack import PackedSuite, pack
from evalkit.reporting.speed import Speed, speeds
from evalkit.reporting.summary import (
    cell_name,
    cell_verdict,
    counted,
    headline,
    judged_gates,
    lost,
    main_score,
    worst,
)
from evalkit.written.printable import encodable


@dataclass(frozen=True, slots=True)
class GateRow:
    """A line of the table of gates. href: the samples behind it."""

    gate: GateRecord
    suite: str
    cell: str
    bar: Bar
    href: str


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """A cell as a column of its suite's tables."""

    cell: CellRecord
    name: str
    verdict: str
    lost: Mapping[str, int]
    passed: int
    gates: int


@dataclass(frozen=True, slots=True)
class ScoreEntry:
    """One score of one cell, with the worst verdict of the gates on it."""

    score: ScoreRecord
    bar: Bar
    verdict: str


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score over all cells of a suite; None where a cell does not have it."""

    name: str
    better: str
    entries: Sequence[ScoreEntry | None]


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """Two cells of a suite by one score. tone: ``pass`` if b is significantly better, ``fail`` if
    significantly worse, else ``none``. href: the samples of b beside those of a."""

    a: str
    b: str
    score: ScoreComparison
    bar: Bar
    tone: str
    href: str


@dataclass(frozen=True, slots=True)
class SuitePage:
    """Everything the page says about one suite.

    scores: those of the cell; keyed: one per label; grouped: one per group of samples.
    """

    number: int
    name: str
    href: str
    gates: Sequence[GateRow]
    record: SuiteRecord | None
    verdict: str
    main: str
    columns: Sequence[ScoreColumn]
    scores: Sequence[ScoreRow]
    keyed: Sequence[ScoreRow]
    grouped: Sequence[ScoreRow]
    confusions: Sequence[Confusion]
    reliabilities: Sequence[Reliability]
    reports: Sequence[ClassReport]
    comparisons: Sequence[ComparisonRow]
    judged: Sequence[JudgedTable]
    duels: Sequence[Duels]
    histograms: Sequence[Histogram]
    refusals: Sequence[Refusals]
    packed: PackedSuite


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One prompt of one suite over all models; None where the two do not meet."""

    suite: SuitePage
    first: bool
    prompts: int
    prompt: str
    columns: Sequence[ScoreColumn | None]


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page."""

    run: RunRecord
    headline: str
    verdict: str
    verdicts: Mapping[str, int]
    gates: Sequence[GateRow]
    models: Sequence[str]
    heat: Sequence[HeatRow]
    suites: Sequence[SuitePage]
    lost: int
    failed_models: Sequence[ModelRecord]
    facts: Sequence[tuple[str, str]]
    provenance: Mapping[str, Any]
    changes: Changes | None
    speeds: Sequence[Speed]


def page(run: RunRecord, baseline: Baseline | None = None, registry: Registry = BUILT_IN) -> Page:
    """Arrange a run for the templates.

    baseline: an earlier run, for what changed. registry: the metrics that comparisons
    recompute.
    """
    names = list(dict.fromkeys([*run.suites, *(cell.suite for cell in run.cells)]))
    gates = _gates(run)
    suites = [
        _suite(run, name, number, [row for row in gates if row.suite == name], baseline, registry)
        for number, name in enumerate(names)
    ]
    models = list(dict.fromkeys(cell.model for cell in run.cells))
    return Page(
        run=run,
        headline=headline(run),
        verdict=worst(suite.verdict for suite in suites),
        verdicts=run.verdicts,
        gates=gates,
        models=models,
        heat=[row for suite in suites for row in _heat(suite, models)],
        suites=suites,
        lost=sum(sum(lost(cell).values()) for cell in run.cells),
        failed_models=[model for model in run.models.values() if model.error],
        facts=_facts(run),
        provenance=finite(to_json(run.provenance)),
        changes=changes(run, baseline, registry),
        speeds=speeds(run),
    )


def href(suite: str, **more: str | int) -> str:
    """The address of a suite in the page, with the view to show."""
    pairs = {"suite": suite, **more}
    return "#" + "&".join(
        f"{key}={quote(encodable(str(value)), safe='')}" for key, value in pairs.items()
    )


def _gates(run: RunRecord) -> list[GateRow]:
    places: dict[int, int] = {}
    seen: dict[str, int] = {}
    for cell in run.cells:
        places[id(cell)] = seen.get(cell.suite, 0)
        seen[cell.suite] = places[id(cell)] + 1
    return [
        GateRow(
            gate,
            cell.suite,
            cell_name(cell),
            gate_bar(gate, cell.scores.get(gate.score)),
            href(cell.suite, cell=places[id(cell)], **_wrong(cell)),
        )
        for cell, gate in judged_gates(run)
    ]


def _wrong(cell: CellRecord) -> dict[str, str]:
    """The filter for wrong samples, if there are any."""
    return {"show": "wrong"} if any(s.correct is False for s in cell.samples) else {}


def _suite(
    run: RunRecord,
    name: str,
    number: int,
    gates: Sequence[GateRow],
    baseline: Baseline | None,
    registry: Registry,
) -> SuitePage:
    cells = [cell for cell in run.cells if cell.suite == name]
    record = run.suites.get(name)
    named = [(row, ScoreName.parse(row.name)) for row in _score_rows(cells)]
    main = next((s.name for c in cells if (s := main_score(run, c))), "")
    return SuitePage(
        number=number,
        name=name,
        href=href(name),
        gates=gates,
        record=record,
        verdict=worst(cell_verdict(cell) for cell in cells),
        main=main,
        columns=[_column(cell) for cell in cells],
        scores=[row for row, name in named if name.key is None and name.group is None],
        keyed=[row for row, name in named if name.key is not None and name.group is None],
        grouped=[row for row, name in named if name.group is not None],
        confusions=confusions(cells),
        reliabilities=reliabilities(cells),
        reports=class_reports(cells),
        comparisons=_comparisons(run, name, registry),
        judged=judged_tables(cells),
        duels=duels(cells),
        histograms=histograms(cells),
        refusals=refusals(record, cells),
        packed=pack(record, cells, baseline),
    )


def _column(cell: CellRecord) -> ScoreColumn:
    passed = sum(gate.verdict == "pass" for gate in cell.gates)
    return ScoreColumn(
        cell, cell_name(cell), cell_verdict(cell), lost(cell), passed, len(counted(cell))
    )


def _score_rows(cells: Sequence[CellRecord]) -> list[ScoreRow]:
    names = dict.fromkeys(name for cell in cells for name in cell.scores)
    return [_score_row(name, cells) for name in names]


def _score_row(name: str, cells: Sequence[CellRecord]) -> ScoreRow:
    found = [cell.scores[name] for cell in cells if name in cell.scores]
    gates = [gate for cell in cells for gate in cell.gates if gate.score == name]
    seen = [v for score in found for v in (score.value, score.low, score.high)]
    on = axis(found[0].range_low, found[0].range_high, [*seen, *(g.threshold for g in gates)])
    entries: list[ScoreEntry | None] = []
    for cell in cells:
        score = cell.scores.get(name)
        if score is None:
            entries.append(None)
            continue
        verdict = worst(gate.verdict for gate in cell.gates if gate.score == name)
        entries.append(ScoreEntry(score, score_bar(score, on, cell.gates), verdict))
    return ScoreRow(name, found[0].better, entries)


def _comparisons(run: RunRecord, suite: str, registry: Registry) -> list[ComparisonRow]:
    compared = compare_in(run, suite, registry=registry)
    found = [(one, score) for one in compared for score in one.scores]
    on = symmetric([score for _, score in found])
    places = {cell_name(c): k for k, c in enumerate(c for c in run.cells if c.suite == suite)}
    return [
        ComparisonRow(
            one.a,
            one.b,
            score,
            difference_bar(score, on),
            tone(score),
            href(suite, base=places[one.a], cell=places[one.b]),
        )
        for one, score in found
    ]


def _heat(suite: SuitePage, models: Sequence[str]) -> list[HeatRow]:
    prompts = list(dict.fromkeys(column.cell.prompt for column in suite.columns))
    met = {(column.cell.prompt, column.cell.model): column for column in suite.columns}
    return [
        HeatRow(suite, i == 0, len(prompts), prompt, [met.get((prompt, model)) for model in models])
        for i, prompt in enumerate(prompts)
    ]


def _facts(run: RunRecord) -> list[tuple[str, str]]:
    """A one-line description of the run under the headline."""
    samples = sum(cell.n for cell in run.cells)
    suites = len({cell.suite for cell in run.cells})
    models = len({cell.model for cell in run.cells})
    facts = [
        ("started", moment(run.started)),
        (
            "took",
            formatting.duration(wall)
            if (wall := wall_seconds(run)) is not None
            else formatting.ABSENT,
        ),
        ("suites", f"{suites:,}"),
        ("models", f"{models:,}"),
        ("cells", f"{len(run.cells):,}"),
        ("answers", f"{samples:,}"),
    ]
    cached = sum(cell.cached for cell in run.cells)
    return [*facts, ("from cache", f"{cached:,}")] if cached else facts


def wall_seconds(run: RunRecord) -> float | None:
    """Seconds between the start and the end of a run; None while it has no end."""
    try:
        start, end = (_moment(text) for text in (run.started, run.finished or ""))
    except ValueError:
        return None
    return (end - start).total_seconds()


def moment(text: str | None) -> str:
    """A readable time: ``2026-11-21 22:00:00 UTC``; a dash if there is none."""
    try:
        return _moment(text or "").astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return text or formatting.ABSENT


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
