"""Judging: after all models have answered, judges and reference models get the answers.

Each is loaded once and gets all its requests of all suites together, so that the engine computes
their common prefixes once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from evalkit.exchange import Generation, Request, Status
from evalkit.gates.samples import compares_samples
from evalkit.judging.grades import grade_cells
from evalkit.judging.judge_set import JudgeSet, notices
from evalkit.judging.load import Judged
from evalkit.judging.perplexity import PerplexityScorer, readers_of
from evalkit.judging.prompts import Question
from evalkit.judging.questions import GradedCell, JudgeRequest, RubricRequest, asks_of
from evalkit.judging.refusals import places_to_judge, regrade
from evalkit.judging.reply import read, reasoning_request, request
from evalkit.models.base import Model
from evalkit.models.weight_cache import LoadedModels
from evalkit.plan import Cell, Plan
from evalkit.records import ModelRecord, RunRecord
from evalkit.respond.client import OneOffClient
from evalkit.respond.progress import Progress
from evalkit.scoring.reference_models import reference_models
from evalkit.scoring.scored_cell import ScoredCell
from evalkit.store import Store

RecordOf = Callable[[Model, float, str], ModelRecord]


def judge(
    plan: Plan,
    decided: Sequence[ScoredCell],
    store: Store,
    run: RunRecord,
    *,
    use_cache: bool,
    progress: Progress,
    record_of: RecordOf,
    loaded: LoadedModels,
) -> None:
    """Judge and read the answers of a run, and write the results to the store.

    Adds scores, analyses and judgments to the cells, models to the run, and notices. record_of:
    creates the record of a model from its load time and error. loaded: the models in memory; those
    still loaded come first.
    """
    judge_set = plan.judge_set
    pairs = [(done.cell.loaded, done.cell.model) for done in decided]
    run.notices += [*notices(pairs, judge_set, plan.models)]
    cells = _cells(decided, judge_set)
    entries = [
        (entry, [cell for cell in cells if cell.done.cell.suite.suite == suite])
        for suite, entry in _entries(decided)
        if judge_set.of(entry)
    ]
    asks = [ask for entry, of_suite in entries for ask in asks_of(of_suite, entry, judge_set)]
    readers = readers_of(cells)
    asked = _in_order(asks, readers, judge_set)
    for name, model in sorted(asked, key=lambda one: not loaded.holds(one[1])):
        errand = OneOffClient(name, model, store, run.id, progress, use_cache, loaded)
        try:
            inquire(errand, [ask for ask in asks if ask.judge.model is model])
            for reader in readers:
                if judge_set.references.get(reader.model) is model:
                    reader.ask(errand)
            if model.name not in run.models:
                seconds = errand.respondent.load_seconds
                run.models[model.name] = record_of(model, seconds, errand.error)
        finally:
            loaded.finish(model)
    progress.working("scoring the judges' replies")
    for entry, of_suite in entries:
        own = [ask for ask in asks if ask.judged is entry]
        if not entry.is_refusals:
            grade_cells(of_suite, entry, own, judge_set)
        for cell in of_suite if entry.is_refusals else ():
            of_cell = [ask for ask in own if ask.case.cell is cell]
            regrade(cell, entry, of_cell, judge_set, plan.registry)
    for reader in readers:
        reader.score()
    for done in (cell.done for cell in cells):
        store.add_cell(run.id, done.position, done.record, done.keys)
        if not compares_samples(done.cell.gates):
            done.record.samples = []


def _entries(decided: Sequence[ScoredCell]) -> Iterator[tuple[str, Judged]]:
    """The entries of all suites, each suite once."""
    suites = {done.cell.suite.suite: done.cell.loaded for done in decided}
    for name, loaded in suites.items():
        for entry in loaded.judged:
            yield name, entry


def is_graded(cell: Cell, judge_set: JudgeSet) -> bool:
    """Whether a cell's answers go to another model."""
    graded = any(judge_set.of(entry) for entry in cell.loaded.judged)
    return graded or bool(reference_models(cell.suite))


def _cells(decided: Sequence[ScoredCell], judge_set: JudgeSet) -> list[GradedCell]:
    """The cells with questions, and which of their samples are graded."""
    cells = []
    for done in decided:
        suite = done.cell.suite
        if not done.keys or not is_graded(done.cell, judge_set):
            continue
        cell = GradedCell(done)
        for entry in (one for one in done.cell.loaded.judged if judge_set.of(one)):
            taken = done.cell.dataset.take(entry.spec.limit)
            cell.chosen[entry.score] = {sample.id for sample in taken.samples}
            if entry.is_refusals:
                cell.places[entry.score] = places_to_judge(suite, cell.samples)
        cells.append(cell)
    return cells


def _in_order(
    asks: Sequence[JudgeRequest], readers: Sequence[PerplexityScorer], judge_set: JudgeSet
) -> list[tuple[str, Model]]:
    """The models that get requests, each once, by name."""
    found: dict[int, tuple[str, Model]] = {}
    for ask in asks:
        found.setdefault(id(ask.judge.model), (ask.judge.name, ask.judge.model))
    for reader in readers:
        model = judge_set.references[reader.model]
        found.setdefault(id(model), (reader.model, model))
    return list(found.values())


def inquire(errand: OneOffClient, asks: Sequence[RubricRequest]) -> None:
    """Send all requests of one judge; those for reasoning first."""
    open_asks = [ask for ask in asks if ask.question is not None]
    first = [ask for ask in open_asks if ask.reasons and ask.method == "choice"]
    if first:
        requests = [
            _numbered(ask, reasoning_request(_question(ask), _generation(ask))) for ask in first
        ]
        for ask, answered in zip(first, errand.send(requests), strict=True):
            if answered.response.answered:
                ask.thoughts = answered.response.text
            else:
                ask.response = answered.response
                ask.reply = read(_question(ask), ask.method, answered.response)
                open_asks.remove(ask)
    _send(errand, open_asks, [_request(ask) for ask in open_asks])
    again = [ask for ask in open_asks if _may_retry(ask)]
    if again:
        _send(errand, again, [_again(_request(ask)) for ask in again])


def _send(errand: OneOffClient, asks: Sequence[RubricRequest], requests: Sequence[Request]) -> None:
    if not asks:
        return
    for ask, sent, answered in zip(asks, requests, errand.send(requests), strict=True):
        ask.request = sent
        ask.response, ask.cached = answered
        ask.reply = read(_question(ask), ask.method, ask.response)


def _question(ask: RubricRequest) -> Question:
    assert ask.question is not None
    return ask.question


def _generation(ask: RubricRequest) -> Generation:
    return ask.judge.generation(ask.judged)


def _request(ask: RubricRequest) -> Request:
    asked = request(
        _question(ask), ask.method, _generation(ask), reasoning=ask.reasons, thoughts=ask.thoughts
    )
    return _numbered(ask, asked)


def _numbered(ask: RubricRequest, asked: Request) -> Request:
    """The request of one draw; numbers between draws are left for retries."""
    return replace(asked, repeat=2 * ask.repeat)


def _again(request: Request) -> Request:
    """The same request with another random draw."""
    return replace(request, repeat=request.repeat + 1)


def _may_retry(ask: RubricRequest) -> bool:
    """Whether another draw may give a parseable reply: the first was sampled."""
    sampled = ask.method != "choice" and _generation(ask).temperature > 0
    return sampled and ask.reply.status is Status.UNPARSED
