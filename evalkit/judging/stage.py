"""Judging: after all models have answered, judges and reference models get the answers.

Each is loaded once and gets all its requests of all suites together, so that the engine computes
their common prefixes once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from evalkit.exchange import Generation, Request, Status
from evalkit.gates.samples import compares_samples
from evalkit.judging.claims import Listings, claim_queries, list_claims
from evalkit.judging.grades import grade_cells
from evalkit.judging.grounding import grade_claims
from evalkit.judging.judge_set import JudgeSet, notices
from evalkit.judging.load import Judged
from evalkit.judging.perplexity import PerplexityScorer, readers_of
from evalkit.judging.prompts import Question
from evalkit.judging.questions import GradedCell, JudgeRequest, RubricRequest, queries_of
from evalkit.judging.refusals import places_to_judge, regrade
from evalkit.judging.reply import (
    entailment_requests,
    read,
    read_entailment,
    reasoning_request,
    request,
)
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

    def client_of(name: str, model: Model) -> OneOffClient:
        return OneOffClient(name, model, store, run.id, progress, use_cache, loaded)

    listings = list_claims(entries, judge_set, lambda one: client_of(one.name, one.model))
    queries = list(_queries(entries, judge_set, listings))
    readers = readers_of(cells)
    models = _in_order(queries, readers, judge_set)
    for name, model in sorted(models, key=lambda one: not loaded.holds(one[1])):
        client = client_of(name, model)
        try:
            send_queries(client, [query for query in queries if query.judge.model is model])
            for reader in readers:
                if judge_set.references.get(reader.model) is model:
                    reader.request(client)
            if model.name not in run.models:
                record = record_of(model, client.load_seconds, client.error)
                run.models[model.name] = record
        finally:
            loaded.finish(model)
    progress.working("scoring the judges' replies")
    for entry, of_suite in entries:
        own = [query for query in queries if query.judged is entry]
        if entry.is_claims:
            grade_claims(of_suite, entry, own, judge_set, listings)
        elif not entry.is_refusals:
            grade_cells(of_suite, entry, own, judge_set)
        for cell in of_suite if entry.is_refusals else ():
            of_cell = [query for query in own if query.case.cell is cell]
            regrade(cell, entry, of_cell, judge_set, plan.registry)
    for reader in readers:
        reader.score()
    for done in (cell.done for cell in cells):
        store.add_cell(run.id, done.position, done.record, done.keys)
        if not compares_samples(done.cell.gates):
            done.record.samples = []


def _queries(
    entries: Sequence[tuple[Judged, Sequence[GradedCell]]], judge_set: JudgeSet, listings: Listings
) -> Iterator[JudgeRequest]:
    """All questions to judges, entry by entry."""
    for entry, cells in entries:
        if entry.is_claims:
            yield from claim_queries(cells, entry, judge_set, listings)
        else:
            yield from queries_of(cells, entry, judge_set)


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
    queries: Sequence[JudgeRequest], readers: Sequence[PerplexityScorer], judge_set: JudgeSet
) -> list[tuple[str, Model]]:
    """The models that get requests, each once, by name."""
    found: dict[int, tuple[str, Model]] = {}
    for query in queries:
        found.setdefault(id(query.judge.model), (query.judge.name, query.judge.model))
    for reader in readers:
        model = judge_set.references[reader.model]
        found.setdefault(id(model), (reader.model, model))
    return list(found.values())


def send_queries(client: OneOffClient, queries: Sequence[RubricRequest]) -> None:
    """Send all requests of one judge; those for reasoning first."""
    asked = [query for query in queries if query.question is not None and not query.settled]
    _send_entailments(client, [query for query in asked if query.method == "entailment"])
    open_queries = [query for query in asked if query.method != "entailment"]
    first = [query for query in open_queries if query.reasons and query.method == "choice"]
    if first:
        requests = [
            _numbered(query, reasoning_request(_question(query), _generation(query)))
            for query in first
        ]
        for query, answered in zip(first, client.send(requests), strict=True):
            if answered.response.answered:
                query.rationale = answered.response.text
            else:
                query.response = answered.response
                query.reply = read(_question(query), query.method, answered.response)
                open_queries.remove(query)
    _send(client, open_queries, [_request(query) for query in open_queries])
    again = [query for query in open_queries if _may_retry(query)]
    if again:
        _send(client, again, [_again(_request(query)) for query in again])


def _send_entailments(client: OneOffClient, queries: Sequence[RubricRequest]) -> None:
    """Send each claim with each passage to a model with an entailment head."""
    requests = [entailment_requests(_question(query)) for query in queries]
    flat = [request for of_query in requests for request in of_query]
    responses = iter(client.send(flat) if flat else ())
    for query, of_query in zip(queries, requests, strict=True):
        found = [next(responses) for _ in of_query]
        query.request = next(iter(of_query), None)
        query.cached = bool(found) and all(one.cached for one in found)
        query.reply = read_entailment(_question(query), [one.response for one in found])
        places = [
            i for i, one in enumerate(_question(query).passages) if one.id == query.reply.passage
        ]
        if places:
            query.request = of_query[places[0]]


def _send(
    client: OneOffClient, queries: Sequence[RubricRequest], requests: Sequence[Request]
) -> None:
    if not queries:
        return
    for query, sent, answered in zip(queries, requests, client.send(requests), strict=True):
        query.request = sent
        query.response, query.cached = answered
        query.reply = read(_question(query), query.method, query.response)


def _question(query: RubricRequest) -> Question:
    assert query.question is not None
    return query.question


def _generation(query: RubricRequest) -> Generation:
    return query.judge.generation(query.judged)


def _request(query: RubricRequest) -> Request:
    sent = request(
        _question(query),
        query.method,
        _generation(query),
        reasoning=query.reasons,
        rationale=query.rationale,
    )
    return _numbered(query, sent)


def _numbered(query: RubricRequest, sent: Request) -> Request:
    """The request of one draw; numbers between draws are left for retries."""
    return replace(sent, repeat=2 * query.repeat)


def _again(request: Request) -> Request:
    """The same request with another random draw."""
    return replace(request, repeat=request.repeat + 1)


def _may_retry(query: RubricRequest) -> bool:
    """Whether another draw may give a parseable reply: the first was sampled."""
    sampled = query.method != "choice" and _generation(query).temperature > 0
    return sampled and query.reply.status is Status.UNPARSED
