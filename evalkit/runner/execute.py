"""A whole run: every model in turn answers its cells, the cells are scored and decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit import gates
from evalkit.answers.thinking import spoken, thinking_of
from evalkit.comparing.columns import NOT_ANSWERED, scored
from evalkit.errors import EvalkitError, ModelError
from evalkit.exchange import Response, Status
from evalkit.judging.load import all_judged
from evalkit.metrics import catalogue
from evalkit.models.base import Model
from evalkit.models.options import Thinking
from evalkit.models.shelf import SHELF, weights_of
from evalkit.records import (
    CellRecord,
    ModelRecord,
    RunRecord,
    SampleRecord,
    ScoreRecord,
    SuiteRecord,
)
from evalkit.runner.bench import Bench, missing_judge
from evalkit.runner.blame import blamed
from evalkit.runner.code import refusal, run_tests
from evalkit.runner.decide import Decided, Relations, decide
from evalkit.runner.judge import judge
from evalkit.runner.memory import Peaks
from evalkit.runner.order import adjacent
from evalkit.runner.outcomes import outcome
from evalkit.runner.plan import Cell, Plan
from evalkit.runner.progress import Progress, Silent
from evalkit.runner.provenance import now
from evalkit.runner.recall import identified
from evalkit.runner.refusals import certify
from evalkit.runner.repeated import one_sample
from evalkit.runner.respond import Asked, Respondent, announce, prepare
from evalkit.runner.score import Scorer, first_lost, statuses
from evalkit.runner.staying import Staying
from evalkit.runner.vocabulary import metric_names, missing_for_metrics
from evalkit.store import Store


def execute(
    plan: Plan,
    store: Store,
    run: RunRecord,
    *,
    use_cache: bool = True,
    baseline: RunRecord | None = None,
    progress: Progress | None = None,
) -> RunRecord:
    """Carry out a plan and write it to the store as ``run``; returns the run with its cells.

    Samples are in the store, not in the returned cells: a run may be large. One model is
    loaded at a time and freed before the next. A model that cannot be loaded leaves its
    cells with ``error`` set and their gates in error; the others go on.
    """
    progress = progress or Silent()
    catalogue.adopt(plan.metrics, plan.root)
    run.suites = _suite_records(plan)
    store.begin_run(run)
    try:
        to_come = [plan.models[name] for name, _ in plan.by_model()] + _later(plan)
        expecting = SHELF.expecting([weights_of(model) for model in to_come])
        with expecting as worked, Staying() as staying:
            decided = _scored(plan, store, run, use_cache, progress, worked, staying)
            judge(
                plan,
                decided,
                store,
                run,
                use_cache=use_cache,
                progress=progress,
                record_of=model_record,
                staying=staying,
            )
        decide(decided, Relations(run, store, [done.record for done in decided], baseline))
        for done in decided:
            store.update_cell(run.id, done.position, done.record)
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
    worked: Callable[[str | None], None],
    staying: Staying,
) -> list[Decided]:
    """The cells of all models. worked: told the weights of each model that is done. staying: given
    the last one when it judges too."""
    barred = {
        cell.id: refusal(cell.suite, plan.allow_code)
        or missing_for_metrics(cell.suite)
        or missing_judge(cell.suite, plan.bench)
        for cell in plan.cells
    }
    prepared: dict[str, list[Asked] | str] = {}
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
    later = _later(plan)
    work = adjacent(plan.by_model(), plan.models, later)
    for name, every in work:
        cells = [cell for cell in every if not barred[cell.id]]
        todo = prepared[name]
        model = plan.models[name]
        if isinstance(todo, str):
            run.models[name] = model_record(model, error=todo)
            decided += [_broken(cell, positions[cell.id], todo, store, run) for cell in cells]
            worked(weights_of(model))
            continue
        respondent = Respondent(model, store, run.id, progress)
        memory = Peaks()
        try:
            for asked in todo:
                respondent.ask(asked)
                thinking = thinking_of(model)
                position = positions[asked.cell.id]
                done = _score(
                    asked, position, store, plan.allow_code, thinking, progress, plan.bench
                )
                store.add_cell(run.id, done.position, done.record, done.keys)
                done.record.samples = []
                decided.append(done)
            error = next((asked.error for asked in todo if asked.error), "")
            run.models[name] = model_record(model, respondent.load_seconds, error)
            if respondent.load_seconds:
                run.models[name].peak_memory = memory.found()
            if name == work[-1][0] and any(model is other for other in later):
                staying.keep(respondent)
        finally:
            if staying.model is not model:
                respondent.close()
            worked(weights_of(model))
    # in the order of the declarations, whatever the order of the work was
    run.models = {name: run.models[name] for name, _ in plan.by_model()}
    return sorted(decided, key=lambda done: done.position)


def _later(plan: Plan) -> list[Model]:
    """The models that are asked about the answers."""
    judges = [judge.model for judge in plan.bench.judges.values()]
    return [*judges, *plan.bench.references.values()]


def _prepare(
    model: Model, cells: Sequence[Cell], store: Store, run: RunRecord, use_cache: bool
) -> list[Asked] | str:
    try:
        known = identified(model, store) is not None
        share = use_cache and known
        return prepare(cells, model, store, salt="" if share else run.id, share=share)
    except ModelError as error:
        return str(error)


def _score(
    asked: Asked,
    position: int,
    store: Store,
    allow_code: str,
    thinking: Thinking,
    progress: Progress,
    bench: Bench,
) -> Decided:
    cell = asked.cell
    responses = store.responses(list(asked.distinct))
    repeats = cell.suite.repeats
    key_of: dict[int, str | None] = {}
    answers = []
    questions = [sample for sample in cell.dataset.samples for _ in range(repeats)]
    for sample, key in zip(questions, asked.keys, strict=True):
        response = responses.get(key)
        kept = key if response is not None else None
        if response is None:
            response = asked.failures.get(key) or _unasked(asked.error)
        response = spoken(response, thinking)
        cached = key in asked.known
        answer = outcome(cell.suite, sample, asked.distinct.get(key), response, cached=cached)
        key_of[id(answer)] = kept
        answers.append(answer)
    run_tests(cell.suite, answers, allow_code, progress.tests)
    scorer = Scorer(cell.suite, answers)
    scorer.annotate()
    counts, tokens = statuses(answers), _tokens(answers)
    cached_answers = sum(answer.cached for answer in answers)
    analyses = scorer.analyses()
    each = [answers[i : i + repeats] for i in range(0, len(answers), repeats)]
    samples = [one_sample(group, cell.suite.on_unparsed) for group in each]
    for name, values in scorer.of_questions().items():
        for one in samples:
            if one.index in values:
                one.scores[name] = float(values[one.index])
    record = CellRecord(
        suite=cell.suite.suite,
        model=cell.model,
        prompt=cell.variant.name,
        task=cell.suite.task,
        n=len(samples),
        scored=len(scored(samples, cell.suite.on_unparsed)),
        statuses=counts,
        scores={},
        gates=[],
        analyses=analyses,
        samples=samples,
        error=asked.error,
        seconds=asked.seconds,
        cached=cached_answers,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        checks=_broken_checks(cell, samples),
        ties=sum(bool(sample.details.get("tie")) for sample in samples),
        unanswered=sum(any(one.status in NOT_ANSWERED for one in group) for group in each),
    )
    levels = {gate.confidence for gate in map(gates.parse, cell.suite.gates)} - {None}
    keys = [key_of[id(sample)] for sample in samples]
    by_level: dict[float, dict[str, ScoreRecord]] = {level: {} for level in levels if level}
    done = Decided(cell, record, position, by_level, keys, first_lost(answers, 160))
    done.add(scorer.scores)
    if cell.suite.task == "safety" and cell.suite.refusals.method == "rules":
        certify(done, samples, bench)
    return done


def _unasked(reason: str) -> Response:
    return Response(Status.ERROR, error=reason or "no response was recorded")


def _broken_checks(cell: Cell, samples: Sequence[SampleRecord]) -> dict[str, int]:
    counts = {check.rule: 0 for check in cell.suite.checks}
    for sample in samples:
        for check in sample.checks:
            counts[check.rule] += not check.passed
    return counts


def _tokens(answers: Sequence[SampleRecord]) -> tuple[int, int]:
    """Tokens of all prompts and of all answers."""
    prompts = sum(answer.prompt_tokens or 0 for answer in answers)
    return prompts, sum(answer.completion_tokens or 0 for answer in answers)


def _broken(cell: Cell, position: int, error: str, store: Store, run: RunRecord) -> Decided:
    """A cell whose model cannot be asked at all."""
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
    return Decided(cell, record, position)


def _suite_records(plan: Plan) -> dict[str, SuiteRecord]:
    records: dict[str, SuiteRecord] = {}
    for cell in plan.cells:
        name, variant = cell.suite.suite, cell.variant
        record = records.setdefault(name, _suite_record(cell, plan.bench))
        record.prompts.setdefault(variant.name, variant.template_text)
        record.prompt_hashes.setdefault(variant.name, variant.hash)
    return records


def _suite_record(cell: Cell, bench: Bench) -> SuiteRecord:
    suite, dataset = cell.suite, cell.dataset
    judged = all_judged(suite)
    return SuiteRecord(
        name=suite.suite,
        path=_relative(suite.path, suite.root),
        task=suite.task,
        description=suite.description,
        licence=suite.licence,
        suite_hash=suite.hash,
        data_hash=dataset.hash,
        total=dataset.total,
        limit=len(dataset.samples) if len(dataset.samples) < dataset.total else None,
        tags=list(suite.tags),
        labels=list(suite.labels),
        prompts={name: variant.template_text for name, variant in cell.loaded.variants.items()},
        metrics=list(metric_names(suite)),
        gates=[gates.parse(declared).rule for declared in suite.gates],
        group=", ".join(suite.data.group) or None,
        generation=asdict(suite.generation.settings()),
        answer=suite.answer.method,
        metric_settings={spec.name: dict(spec.settings) for spec in suite.metrics if spec.settings},
        source=suite.data.source,
        on_unparsed=suite.on_unparsed,
        repeats=suite.repeats,
        cluster=suite.data.cluster,
        pair=suite.data.pair,
        max_errors=suite.max_errors,
        scoring_hash=suite.settings_hash,
        prompt_hashes={name: variant.hash for name, variant in cell.loaded.variants.items()},
        rubric_hashes={entry.score: entry.rubric.hash for entry in judged},
        judges={entry.score: [judge.name for judge in bench.of(entry)] for entry in judged},
    )


def _relative(path: Path, root: Path) -> str:
    """A path as it is seen from the project, so that a report tells nothing of the machine."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.name


def model_record(model: Model, load_seconds: float = 0.0, error: str = "") -> ModelRecord:
    """What a run remembers of a model."""
    declaration = getattr(model, "declaration", None)
    options: dict[str, Any] = dict(declaration.options) if declaration else {}
    fingerprint: Mapping[str, Any] | None = None
    described: Mapping[str, Any] = {}
    try:
        with blamed(model):
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
