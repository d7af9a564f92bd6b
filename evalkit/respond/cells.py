"""The responses of one model: from the cache, or from the model where they are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from time import perf_counter

from evalkit.errors import ModelError, SpecError
from evalkit.exchange import Response, Status
from evalkit.models.base import Batch, Model, OneByOne, Reporting
from evalkit.models.model_errors import model_errors, raise_of
from evalkit.models.thinking import thinking_of, without_thinking
from evalkit.models.weight_cache import LoadedModels
from evalkit.plan import Cell, requests_of
from evalkit.respond.batch import CellRequests, RequestBatch
from evalkit.respond.conversations import ConversationRequests
from evalkit.respond.offline import identified
from evalkit.respond.progress import Progress, total_work, work
from evalkit.respond.recorder import Recorder
from evalkit.respond.shared import SharedQuestions
from evalkit.store import Store, digest, response_key


def prepare(
    cells: Sequence[Cell], model: Model, store: Store, *, salt: str = "", share: bool = True
) -> list[CellRequests]:
    """Render the requests of a model's cells and look up cached responses.

    share: whether answers may be looked up at all (False after ``--eval-no-cache``, with a
    ``salt`` that keeps this run's answers apart). Raises ModelError.
    """
    fingerprint = identified(model, store)
    identity = digest(dict(fingerprint)) if fingerprint is not None else model.name
    prepared = []
    for cell in cells:
        prepared.append(requests_to(model, cell, store, identity, salt=salt, share=share))
    return prepared


def requests_to(
    model: Model, cell: Cell, store: Store, identity: str, *, salt: str = "", share: bool = True
) -> CellRequests:
    """The requests of one cell. identity: the digest of the model's fingerprint, or its name."""

    def answered(keys: Sequence[str]) -> set[str]:
        return store.answered(keys) if share else set()

    def responses(keys: Sequence[str]) -> Mapping[str, Response]:
        thinking = thinking_of(model)
        return {k: without_thinking(r, thinking) for k, r in store.responses(keys).items()}

    if cell.follows_answers:
        key_of = partial(response_key, identity, salt=salt)
        return ConversationRequests(cell, key_of, answered, responses)
    cell_requests = _rendered(cell, identity, salt)
    cell_requests.known = answered(list(cell_requests.distinct))
    return cell_requests


def _rendered(cell: Cell, identity: str, salt: str) -> CellRequests:
    cell_requests = CellRequests(cell)
    for index, request in enumerate(requests_of(cell)):
        if isinstance(request, SpecError):
            key = f"unrendered {index}"
            cell_requests.failures[key] = Response(Status.ERROR, error=str(request))
        else:
            key = response_key(identity, request, salt)
            cell_requests.distinct[key] = request
        cell_requests.keys.append(key)
    return cell_requests


class CachedClient:
    """Requests the responses that cells are missing; loads the model on first use."""

    def __init__(
        self, model: Model, store: Store, run: str, progress: Progress, loaded: LoadedModels
    ) -> None:
        """loaded: the models of the run that are in memory."""
        self.model = model
        self.load_seconds = 0.0
        self._store = store
        self._run = run
        self._progress = progress
        self._loaded = loaded

    def request_cell(self, cell_requests: CellRequests) -> None:
        """Request the responses a cell is missing, committing batch by batch.

        If the model fails, ``cell_requests.error`` is set; earlier responses are kept.
        """
        if not cell_requests.missing:
            return
        self._progress.cell(*cell_requests.cell.id)
        try:
            self._check_can(cell_requests)
        except ModelError as error:
            cell_requests.error = str(error)
        else:
            for batch in cell_requests.rounds():
                self.request_missing(batch)

    def request_missing(self, requested: RequestBatch) -> None:
        """Request the missing responses of any batch, as ``request_cell`` does for a cell.

        Waits for what another process on the store is already requesting.
        """
        if not requested.missing:
            return
        with Recorder(self._store, self._run) as recorder:
            shared = SharedQuestions(recorder, requested.missing)
            announced = False
            try:
                for _ in shared.rounds():
                    self._request_claimed(requested, shared, recorder)
                    recorder.flush()
                    self._count(requested, shared)
                    if shared.waiting and not announced:
                        self._progress.waiting(shared.waiting)
                        announced = True
            except ModelError as error:
                requested.error = str(error)

    def _check_can(self, wanted: CellRequests) -> None:
        task, heads = wanted.cell.suite.task, self.model.capabilities.inputs
        if heads and task not in heads:
            raise ModelError(
                f"'{self.model.name}' has a head for {' and '.join(heads)}; it cannot do the task"
                f" {task}"
            )
        choices = any(request.choices for request in wanted.distinct.values())
        if choices and not self.model.capabilities.choices:
            raise ModelError(
                f"'{self.model.name}' cannot compare choices, which this suite's 'answer:"
                f" {wanted.cell.suite.answer.method}' requires. Write 'answer: text' in the suite"
                + _own_comparison(self.model)
            )

        reads = any(request.reading for request in wanted.distinct.values())
        if reads and not self.model.capabilities.reading:
            raise ModelError(
                f"'{self.model.name}' cannot score the likelihood of a text, which the task"
                f" {wanted.cell.suite.task} requires; choose a local model, such as one of the"
                " backend transformers"
            )

    def _load(self) -> None:
        if not self._loaded.holds(self.model):
            self._load_model()
        self._progress.watch(self.model.in_progress if isinstance(self.model, Reporting) else None)

    def _load_model(self) -> None:
        if failure := self._loaded.failure(self.model):
            raise ModelError(failure)
        self._progress.loading(self.model.name)
        try:
            with model_errors(self.model):
                self.load_seconds = self._loaded.load(self.model)
        except ModelError as error:
            self._loaded.remember_failure(self.model, str(error))
            raise

    def _request_claimed(
        self, requested: RequestBatch, shared: SharedQuestions, recorder: Recorder
    ) -> None:
        """Request what this process has claimed, one by one or all together."""
        keys, requests = list(requested.distinct), list(requested.distinct.values())
        index_of = {key: index for index, key in enumerate(keys)}
        waiting: set[int] = set()
        if isinstance(self.model, OneByOne) and self.model.one_by_one:
            # The model is loaded for the first question that is not answered elsewhere.
            claimed: Iterator[str] = shared.take_each()
            first = next(claimed, None)
            if first is None:
                return

            def taken() -> Iterator[int]:
                for key in chain([first], claimed):
                    waiting.add(index := index_of[key])
                    yield index

            batches = self._batches(partial(self.model.respond_each, requests, taken()))
        else:
            claimed = iter(())
            own = {index_of[key] for key in shared.take_all()}
            if not own:
                return
            waiting |= own
            others = frozenset(range(len(keys))) - own
            batches = self._batches(partial(self.model.respond, requests, others))
        self._load()
        started = perf_counter()
        try:
            for batch in batches:
                new = [(keys[index], response) for index, response in batch if index in waiting]
                waiting.difference_update([index for index, _ in batch])
                recorder.add(new)
                self._note(requested, new)
        finally:
            requested.seconds += perf_counter() - started
        waiting.update(index_of[key] for key in claimed)  # those that the model left untaken
        if waiting:
            raise ModelError(
                f"the backend of '{self.model.name}' left {len(waiting)} of {len(keys)} requests"
                " without a response; a backend must yield one for every request"
            )

    def _note(self, requested: RequestBatch, new: Sequence[tuple[str, Response]]) -> None:
        """Count responses, and remember those that are not kept in the store."""
        for key, response in new:
            if response.status is Status.ERROR:
                requested.failures[key] = response
        self._progress.advance(
            len(new),
            sum(work(requested.distinct[key]) for key, _ in new),
            sum((r.completion_tokens or 0) + (r.prompt_tokens or 0) for _, r in new),
        )

    def _count(self, requested: RequestBatch, shared: SharedQuestions) -> None:
        """Count what another process has answered as cached."""
        new = shared.answered - requested.known
        requested.known |= new
        if new:
            self._progress.advance(len(new), sum(work(requested.distinct[key]) for key in new), 0)

    def _batches(self, respond: Callable[[], Iterator[Batch]]) -> Iterator[Batch]:
        """The model's batches; only its errors become ModelError, not those of the store."""
        with model_errors(self.model):
            batches = iter(respond())
        while True:
            try:
                batch = next(batches, None)
            except BaseException as error:
                raise_of(self.model, error)
            if batch is None:
                return
            yield batch


def announce(progress: Progress, prepared: Sequence[CellRequests]) -> None:
    """Report the amount of work to the progress display."""
    missing = [
        cell_requests.distinct[key] for cell_requests in prepared for key in cell_requests.missing
    ]
    upcoming = [request for cell_requests in prepared for request in cell_requests.upcoming]
    missing += upcoming
    requests = len(upcoming) + sum(len(cell_requests.distinct) for cell_requests in prepared)
    progress.start(len(prepared), requests, requests - len(missing), total_work(missing))


def _own_comparison(model: Model) -> str:
    """The other remedy for a function that cannot compare choices."""
    declaration = getattr(model, "declaration", None)
    if declaration is not None and declaration.backend != "callable":
        return ""
    return ", or declare a function that compares them: 'choose: module:function'"
