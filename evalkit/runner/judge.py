"""After all models have answered, others are asked about the answers: judges, and readers.

Each is loaded once, and all its questions of all suites go out together, so that the engine
computes what they share once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from evalkit.exchange import Generation, Request, Status
from evalkit.judging.load import Judged
from evalkit.judging.prompts import Question
from evalkit.judging.reply import read, reasoning_request, request
from evalkit.models.base import Model
from evalkit.models.weight_cache import LoadedModels
from evalkit.records import ModelRecord, RunRecord
from evalkit.runner.asking import Errand
from evalkit.runner.bench import Bench, notices
from evalkit.runner.decide import Decided, compares_samples
from evalkit.runner.grades import grade_cells
from evalkit.runner.plan import Cell, Plan
from evalkit.runner.progress import Progress
from evalkit.runner.questions import Ask, GradedCell, Inquiry, asks_of
from evalkit.runner.read import Reader, readers_of
from evalkit.runner.reference import reference_models
from evalkit.runner.refusals import places_to_judge, regrade
from evalkit.store import Store

RecordOf = Callable[[Model, float, str], ModelRecord]


def judge(
    plan: Plan,
    decided: Sequence[Decided],
    store: Store,
    run: RunRecord,
    *,
    use_cache: bool,
    progress: Progress,
    record_of: RecordOf,
    loaded: LoadedModels,
) -> None:
    """Have the answers of a run judged and read, and write what comes of it to the store.

    Adds scores, analyses and judgments to the cells, models to the run, and notices. record_of:
    what a run remembers of a model, its load time and its error. loaded: the models in memory; one
    that is still loaded is asked first.
    """
    bench = plan.bench
    pairs = [(done.cell.loaded, done.cell.model) for done in decided]
    run.notices += [*notices(pairs, bench, plan.models)]
    cells = _cells(decided, bench)
    entries = [
        (entry, [cell for cell in cells if cell.done.cell.suite.suite == suite])
        for suite, entry in _entries(decided)
        if bench.of(entry)
    ]
    asks = [ask for entry, of_suite in entries for ask in asks_of(of_suite, entry, bench)]
    readers = readers_of(cells)
    asked = _in_order(asks, readers, bench)
    for name, model in sorted(asked, key=lambda one: not loaded.holds(one[1])):
        errand = Errand(name, model, store, run.id, progress, use_cache, loaded)
        try:
            inquire(errand, [ask for ask in asks if ask.judge.model is model])
            for reader in readers:
                if bench.references.get(reader.model) is model:
                    reader.ask(errand)
            if model.name not in run.models:
                seconds = errand.respondent.load_seconds
                run.models[model.name] = record_of(model, seconds, errand.error)
        finally:
            loaded.finish(model)
    for entry, of_suite in entries:
        own = [ask for ask in asks if ask.judged is entry]
        if not entry.is_refusals:
            grade_cells(of_suite, entry, own, bench)
        for cell in of_suite if entry.is_refusals else ():
            of_cell = [ask for ask in own if ask.case.cell is cell]
            regrade(cell, entry, of_cell, bench, plan.registry)
    for reader in readers:
        reader.score()
    for done in (cell.done for cell in cells):
        store.add_cell(run.id, done.position, done.record, done.keys)
        if not compares_samples(done.cell.gates):
            done.record.samples = []


def _entries(decided: Sequence[Decided]) -> Iterator[tuple[str, Judged]]:
    """The entries of all suites, each suite once."""
    suites = {done.cell.suite.suite: done.cell.loaded for done in decided}
    for name, loaded in suites.items():
        for entry in loaded.judged:
            yield name, entry


def is_graded(cell: Cell, bench: Bench) -> bool:
    """Whether another model is asked about the answers of a cell."""
    graded = any(bench.of(entry) for entry in cell.loaded.judged)
    return graded or bool(reference_models(cell.suite))


def _cells(decided: Sequence[Decided], bench: Bench) -> list[GradedCell]:
    """The cells that somebody is asked about, and which of their samples are graded."""
    cells = []
    for done in decided:
        suite = done.cell.suite
        if not done.keys or not is_graded(done.cell, bench):
            continue
        cell = GradedCell(done)
        for entry in (one for one in done.cell.loaded.judged if bench.of(one)):
            taken = done.cell.dataset.take(entry.spec.limit)
            cell.chosen[entry.score] = {sample.id for sample in taken.samples}
            if entry.is_refusals:
                cell.places[entry.score] = places_to_judge(suite, cell.samples)
        cells.append(cell)
    return cells


def _in_order(
    asks: Sequence[Ask], readers: Sequence[Reader], bench: Bench
) -> list[tuple[str, Model]]:
    """The models that are asked something, each once, with the name it is asked under."""
    found: dict[int, tuple[str, Model]] = {}
    for ask in asks:
        found.setdefault(id(ask.judge.model), (ask.judge.name, ask.judge.model))
    for reader in readers:
        model = bench.references[reader.model]
        found.setdefault(id(model), (reader.model, model))
    return list(found.values())


def inquire(errand: Errand, asks: Sequence[Inquiry]) -> None:
    """Ask one judge all there is; first for the reasons, where these come first."""
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


def _send(errand: Errand, asks: Sequence[Inquiry], requests: Sequence[Request]) -> None:
    if not asks:
        return
    for ask, sent, answered in zip(asks, requests, errand.send(requests), strict=True):
        ask.request = sent
        ask.response, ask.cached = answered
        ask.reply = read(_question(ask), ask.method, ask.response)


def _question(ask: Inquiry) -> Question:
    assert ask.question is not None
    return ask.question


def _generation(ask: Inquiry) -> Generation:
    return ask.judge.generation(ask.judged)


def _request(ask: Inquiry) -> Request:
    asked = request(
        _question(ask), ask.method, _generation(ask), reasoning=ask.reasons, thoughts=ask.thoughts
    )
    return _numbered(ask, asked)


def _numbered(ask: Inquiry, asked: Request) -> Request:
    """The request of one draw; between two draws is room for one that is asked for once more."""
    return replace(asked, repeat=2 * ask.repeat)


def _again(request: Request) -> Request:
    """The same request, sampled anew."""
    return replace(request, repeat=request.repeat + 1)


def _may_retry(ask: Inquiry) -> bool:
    """Whether another draw may bring a reply that can be read: it was sampled."""
    sampled = ask.method != "choice" and _generation(ask).temperature > 0
    return sampled and ask.reply.status is Status.UNPARSED
