"""Requests outside any cell (judges, reference models), cached and deduplicated like others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.models.base import Model
from evalkit.models.thinking import thinking_of, without_thinking
from evalkit.models.weight_cache import LoadedModels
from evalkit.respond.batch import RequestBatch
from evalkit.respond.cells import CachedClient
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
        self._client = CachedClient(model, store, run, progress, loaded)

    @property
    def load_seconds(self) -> float:
        """Seconds it took to load the model; 0 if it was not loaded here."""
        return self._client.load_seconds

    def send(self, requests: Sequence[Request]) -> list[CachedResponse]:
        """A response for each request, in order. If the model fails, responses are errors."""
        try:
            batch = self._looked_up(requests)
        except ModelError as error:
            self.error = str(error)
            return [CachedResponse(Response(Status.ERROR, error=str(error)), False)] * len(requests)
        missing = [batch.distinct[key] for key in batch.missing]
        known = len(batch.distinct) - len(missing)
        self._progress.judge(self.name, len(batch.distinct), known, total_work(missing))
        self._client.request_missing(batch)
        self.error = self.error or batch.error
        responses = self._store.responses(list(batch.distinct))
        lost = Response(Status.ERROR, error=batch.error or "no response was recorded")
        thinking = thinking_of(self.model)
        return [
            CachedResponse(
                without_thinking(responses.get(key) or batch.failures.get(key) or lost, thinking),
                key in batch.known,
            )
            for key in batch.keys
        ]

    def _looked_up(self, requests: Sequence[Request]) -> RequestBatch:
        fingerprint = identified(self.model, self._store)
        share = self._use_cache and fingerprint is not None
        identity = digest(dict(fingerprint)) if fingerprint is not None else self.model.name
        batch = RequestBatch()
        for request in requests:
            key = response_key(identity, request, "" if share else self._run)
            batch.keys.append(key)
            batch.distinct[key] = request
        if share:
            batch.known = self._store.answered(list(batch.distinct))
        return batch
