"""Requests outside any cell (judges, reference models), cached and deduplicated like others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models.base import Model
from evalkit.models.thinking import thinking_of, without_thinking
from evalkit.models.weight_cache import LoadedModels
from evalkit.respond.cells import CachedClient, RequestBatch
from evalkit.respond.offline import identified
from evalkit.respond.progress import Progress, total_work
from evalkit.store import Store, digest, response_key


class CachedResponse(NamedTuple):
    """A response, and whether it came from the cache."""

    response: Response
    cached: bool


Send = Callable[[Sequence[Request]], list[CachedResponse]]


class OneOffClient:
    """Sends requests to one model, which is loaded once, when a response is missing."""

    def __init__(
        self,
        name: str,
        model: Model,
        store: Store,
        run: str,
        progress: Progress,
        use_cache: bool,
        loaded: LoadedModels,
    ) -> None:
        """loaded: the models of the run that are in memory."""
        self.name = name
        self.model = model
        self.error = ""
        self._store = store
        self._run = run
        self._progress = progress
        self._use_cache = use_cache
        self.respondent = CachedClient(model, store, run, progress, loaded)

    def send(self, requests: Sequence[Request]) -> list[CachedResponse]:
        """A response for each request, in order. If the model fails, responses are errors."""
        try:
            asked = self._looked_up(requests)
        except ModelError as error:
            self.error = str(error)
            return [CachedResponse(Response(Status.ERROR, error=str(error)), False)] * len(requests)
        missing = [asked.distinct[key] for key in asked.missing]
        known = len(asked.distinct) - len(missing)
        self._progress.judge(self.name, len(asked.distinct), known, total_work(missing))
        self.respondent.answer(asked)
        self.error = self.error or asked.error
        responses = self._store.responses(list(asked.distinct))
        lost = Response(Status.ERROR, error=asked.error or "no response was recorded")
        thinking = thinking_of(self.model)
        return [
            CachedResponse(
                without_thinking(responses.get(key) or asked.failures.get(key) or lost, thinking),
                key in asked.known,
            )
            for key in asked.keys
        ]

    def _looked_up(self, requests: Sequence[Request]) -> RequestBatch:
        fingerprint = identified(self.model, self._store)
        share = self._use_cache and fingerprint is not None
        identity = digest(dict(fingerprint)) if fingerprint is not None else self.model.name
        asked = RequestBatch()
        for request in requests:
            key = response_key(identity, request, "" if share else self._run)
            asked.keys.append(key)
            asked.distinct[key] = request
        if share:
            asked.known = self._store.answered(list(asked.distinct))
        return asked
