"""A whole run: every model in turn answers its cells, the cells are scored and decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.errors import EvalkitError, ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.gates.samples import compares_samples
from evalkit.judging.judge_set import JudgeSet, missing_judge
from evalkit.judging.refusals import certify
from evalkit.judging.stage import is_graded, judge
from evalkit.metrics.registry import Registry
from evalkit.models.base import Model
from evalkit.models.model_errors import model_errors
from evalkit.models.options import Thinking
from evalkit.models.thinking import thinking_of, without_thinking
from evalkit.models.weight_cache import LoadedModels, group_by_weights
from evalkit.plan import Cell, Plan
from evalkit.provenance import now
from evalkit.records import (
    Answer,
    CellRecord,
    ModelRecord,
    RunRecord,
    SampleRecord,
    ScoreRecord,
    SuiteRecord,
)
from evalkit.respond.batch import CellRequests
from evalkit.respond.cells import CachedClient, announce, prepare
from evalkit.respond.offline import identified
from evalkit.respond.progress import Progress, Silent
from evalkit.runner.allow_code import isolation_of, refusal
from evalkit.runner.baseline import BaselineReference
from evalkit.runner.decide import Relations, decide
from evalkit.runner.memory import Peaks
from evalkit.runner.validate import missing_for_metrics
from evalkit.scoring.columns import scored
from evalkit.scoring.metric_names import metric_names
from evalkit.scoring.samples import answer_of
from evalkit.scoring.scored_cell import ScoredCell
from evalkit.scoring.scorer import Scorer, first_unanswered, statuses
from evalkit.spec.data import Sample
from evalkit.store import Store


def execute(
    plan: Plan,
    store: Store,
    run: RunRecord,
    *,
    use_cache: bool = True,
    reference: BaselineReference | None = None,
    progress: Progress | None = None,
) -> RunRecord:
    """Carry out a plan and write it to the store as ``run``; returns the run with its cells.

    Samples are in the store, not in the returned cells: a run may be large. Until it is decided, a
    cell keeps them while judges or gates need them. One model is loaded at a time and
    freed before the next. A model that cannot be loaded leaves its cells with ``error`` set and
    their gates in error; the others go on. reference: what gates on
    ``baseline`` look at.
    """
    progress = progress or Silent()
    run.suites = _suite_records(plan)
    isolation = isolation_of([cell.suite for cell in plan.cells], plan.allow_code)
    run.provenance = replace(run.provenance, sandbox=isolation)
    store.begin_run(run)
    try:
        answering = [plan.models[name] for name, _ in plan.by_model()]
        with LoadedModels(answering, _later(plan)) as loaded:
            progress.working("preparing requests")
            decided = _scored(plan, store, run, use_cache, progress, loaded)
            judge(
                plan,
                decided,
                store,
                run,
                use_cache=use_cache,
                progress=progress,
                record_of=model_record,
                loaded=loaded,
            )
        cells = [done.record for done in decided]
        progress.working("deciding gates")
        relations = Relations(run, store, cells, plan.registry, reference or BaselineReference())
        decide(decided, relations)
        run.notices += relations.notices
        for done in decided:
            store.update_cell(run.id, done.position, done.record)
            done.record.samples = []
        run.cells = [done.record for done in decided]
        run.status = "finished"
    except BaseException:
        run.status = "interrupted"
        raise
    finally:
        run.finished = now()
        progress.finish()
        store.end_run(run)
    return run


def _scored(
    plan: Plan,
    store: Store,
    run: RunRecord,
    use_cache: bool,
    progress: Progress,
    loaded: LoadedModels,
) -> list[ScoredCell]:
    """The cells of all models. loaded: the models in memory."""
    barred = {
        cell.id: refusal(cell.suite, plan.allow_code)
        or missing_for_metrics(cell.suite, plan.registry)
        or missing_judge(cell.loaded, plan.judge_set)
        for cell in plan.cells
    }
    prepared: dict[str, list[CellRequests] | str] = {}
    for name, every in plan.by_model():
        cells = [cell for cell in every if not barred[cell.id]]
        model = plan.models[name]
        prepared[name] = _prepare(model, cells, store, run, use_cache)
    announce(progress, [a for some in prepared.values() if isinstance(some, list) for a in some])
    positions = {cell.id: index for index, cell in enumerate(plan.cells)}
    decided = [
        _broken(cell, positions[cell.id], barred[cell.id], store, run)
        for cell in plan.cells
        if barred[cell.id]
    ]
    for name, every in group_by_weights(plan.by_model(), plan.models, _later(plan)):
        cells = [cell for cell in every if not barred[cell.id]]
        ready = prepared[name]
        model = plan.models[name]
        if isinstance(ready, str):
            run.models[name] = model_record(model, error=ready)
            decided += [_broken(cell, positions[cell.id], ready, store, run) for cell in cells]
            loaded.finish(model)
            continue
        client = CachedClient(model, store, run.id, progress, loaded)
        memory = Peaks()
        try:
            for batch in ready:
                client.request_cell(batch)
                cell = batch.cell
                progress.working(f"scoring {cell.suite.suite} {name}/{cell.variant.name}")
                thinking = thinking_of(model)
                position = positions[batch.cell.id]
                done = _score(batch, position, store, plan, thinking, progress)
                store.add_cell(run.id, done.position, done.record, done.keys)
                if not (is_graded(done.cell, plan.judge_set) or compares_samples(done.cell.gates)):
                    done.record.samples = []
                decided.append(done)
            error = next((batch.error for batch in ready if batch.error), "")
            run.models[name] = model_record(model, client.load_seconds, error)
            if client.load_seconds:
                run.models[name].peak_memory = memory.found()
        finally:
            loaded.finish(model)
    # in the order of declaration, not of execution
    run.models = {name: run.models[name] for name, _ in plan.by_model()}
    return sorted(decided, key=lambda done: done.position)


def _later(plan: Plan) -> list[Model]:
    """Models that grade or read the answers."""
    judges = [judge.model for judge in plan.judge_set.judges.values()]
    return [*judges, *plan.judge_set.references.values()]


def _prepare(
    model: Model, cells: Sequence[Cell], store: Store, run: RunRecord, use_cache: bool
) -> list[CellRequests] | str:
    try:
        known = identified(model, store) is not None
        share = use_cache and known
        return prepare(cells, model, store, salt="" if share else run.id, share=share)
    except ModelError as error:
        return str(error)


def _score(
    batch: CellRequests,
    position: int,
    store: Store,
    plan: Plan,
    thinking: Thinking,
    progress: Progress,
) -> ScoredCell:
    cell = batch.cell
    responses = store.responses(list(batch.distinct))
    repeats = cell.suite.repeats
    keys = [batch.keys[i : i + repeats] for i in range(0, len(batch.keys), repeats)]
    samples = []
    for sample, of_sample in zip(cell.dataset.samples, keys, strict=True):
        answers = []
        for key in of_sample:
            response = responses.get(key) or batch.failures.get(key) or _missing(batch.error)
            response, request = without_thinking(response, thinking), batch.distinct.get(key)
            cached = key in batch.known
            answers.append(answer_of(cell.suite, sample, request, response, cached=cached))
        samples.append(_sample_record(sample, batch.distinct.get(of_sample[0]), answers))
    if cell.suite.kind.run is not None:
        cell.suite.kind.run(cell.suite, samples, plan.allow_code, progress.tests)
    scorer = Scorer(cell.suite, samples, plan.registry)
    scorer.annotate()
    every = [answer for sample in samples for answer in sample.answers]
    record = CellRecord(
        suite=cell.suite.suite,
        model=cell.model,
        prompt=cell.variant.name,
        task=cell.suite.task,
        n=len(samples),
        scored=len(scored(samples, cell.suite.on_unparsed)),
        statuses=statuses(samples),
        scores={},
        gates=[],
        analyses=scorer.analyses(),
        samples=samples,
        error=batch.error,
        seconds=batch.seconds,
        cached=sum(answer.cached for answer in every),
        prompt_tokens=sum(answer.prompt_tokens or 0 for answer in every),
        completion_tokens=sum(answer.completion_tokens or 0 for answer in every),
        checks=_broken_checks(cell, samples),
        ties=sum(sample.answer.tie for sample in samples),
        unanswered=sum(sample.unanswered for sample in samples),
    )
    levels = {gate.confidence for gate in cell.gates} - {None}
    stored = [[key if key in responses else None for key in of_sample] for of_sample in keys]
    by_level: dict[float, dict[str, ScoreRecord]] = {level: {} for level in levels if level}
    done = ScoredCell(cell, record, position, by_level, stored, first_unanswered(samples, 160))
    done.add(scorer.scores)
    if cell.suite.kind.grades_refusals and cell.suite.refusals.method == "rules":
        certify(done, samples, plan.judge_set)
    return done


def _sample_record(sample: Sample, request: Request | None, answers: list[Answer]) -> SampleRecord:
    """The record of a sample. request: None when its prompt could not be rendered."""
    return SampleRecord(
        id=sample.id,
        index=sample.index,
        fields=dict(sample.fields),
        targets=list(sample.targets),
        prompt=request.prompt if request else "",
        answers=answers,
    )


def _missing(reason: str) -> Response:
    return Response(Status.ERROR, error=reason or "no response was recorded")


def _broken_checks(cell: Cell, samples: Sequence[SampleRecord]) -> dict[str, int]:
    counts = {check.rule: 0 for check in cell.suite.checks}
    for sample in samples:
        for check in sample.checks:
            counts[check.rule] = counts.get(check.rule, 0) + (not check.passed)
    return counts


def _broken(cell: Cell, position: int, error: str, store: Store, run: RunRecord) -> ScoredCell:
    """The record of a cell whose model is unavailable."""
    record = CellRecord(
        suite=cell.suite.suite,
        model=cell.model,
        prompt=cell.variant.name,
        task=cell.suite.task,
        n=len(cell.dataset.samples),
        scored=0,
        statuses={Status.ERROR.value: len(cell.dataset.samples)},
        scores={},
        gates=[],
        analyses=[],
        error=error,
        unanswered=len(cell.dataset.samples),
    )
    store.add_cell(run.id, position, record, [])
    return ScoredCell(cell, record, position)


def _suite_records(plan: Plan) -> dict[str, SuiteRecord]:
    records: dict[str, SuiteRecord] = {}
    for cell in plan.cells:
        name, variant = cell.suite.suite, cell.variant
        record = records.setdefault(name, _suite_record(cell, plan.judge_set, plan.registry))
        record.prompts.setdefault(variant.name, variant.template_text)
        record.prompt_hashes.setdefault(variant.name, variant.hash)
    return records


def _suite_record(cell: Cell, judge_set: JudgeSet, registry: Registry) -> SuiteRecord:
    suite, dataset = cell.suite, cell.dataset
    judged = cell.loaded.judged
    names = metric_names(suite)
    metric_hashes = {name: found for name in names if (found := registry.fingerprint(name))}
    return SuiteRecord(
        declared=suite.declaration,
        path=_relative(suite.path, suite.root),
        suite_hash=suite.hash,
        data_hash=dataset.hash,
        total=dataset.total,
        limit=len(dataset.samples) if len(dataset.samples) < dataset.total else None,
        prompts={name: variant.template_text for name, variant in cell.loaded.variants.items()},
        metrics=list(names),
        gates=[gate.rule for gate in cell.gates],
        settings_hash=suite.settings_hash,
        prompt_hashes={name: variant.hash for name, variant in cell.loaded.variants.items()},
        metric_hashes=metric_hashes,
        rubric_hashes={entry.score: entry.rubric.hash for entry in judged},
        judges={entry.score: [judge.name for judge in judge_set.of(entry)] for entry in judged},
    )


def _relative(path: Path, root: Path) -> str:
    """A path relative to the project, so that reports reveal nothing about the machine."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.name


def model_record(model: Model, load_seconds: float = 0.0, error: str = "") -> ModelRecord:
    """The record of a model in a run."""
    declaration = getattr(model, "declaration", None)
    options: dict[str, Any] = dict(declaration.options) if declaration else {}
    fingerprint: Mapping[str, Any] | None = None
    described: Mapping[str, Any] = {}
    try:
        with model_errors(model):
            fingerprint = model.fingerprint()
            described = model.describe()
    except EvalkitError as problem:
        error = error or str(problem)
    return ModelRecord(
        name=model.name,
        backend=declaration.backend if declaration else "handed over",
        declaration=options,
        fingerprint=dict(fingerprint) if fingerprint is not None else None,
        described=dict(described),
        load_seconds=load_seconds,
        error=error,
    )
