"""Keeping models and their weights in memory while a run still needs them.

Loading weights takes seconds to minutes, so a run avoids doing it twice:

* Models of the same weights, which differ in an adapter, a template or their limits, share one copy
  (``WeightCache``) and work one after the other (``group_by_weights``).
* A model that answers last and then judges stays loaded in between (``LoadedModels``).

Unused weights stay in memory only while a later model of the run needs them, and only until other
weights are loaded. Memory therefore holds the weights in use and at most one unused set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar

from evalkit.models.base import Model

Work = TypeVar("Work")


@dataclass(slots=True)
class _Entry:
    """Loaded weights, and how many models use them."""

    weights: Any
    users: int = 0


class WeightCache:
    """Loaded weights by key, each with the number of models that use them."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._needed: Counter[str] = Counter()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        """The number of sets of weights in memory."""
        return len(self._entries)

    def acquire(self, key: str, load: Callable[[], Any]) -> Any:
        """The weights of a key. Call ``release`` once for every call.

        load: loads the weights if they are not in memory; unused ones are freed first.
        """
        entry = self._entries.get(key)
        if entry is None:
            self._drop([k for k, other in self._entries.items() if not other.users])
            entry = self._entries[key] = _Entry(load())
        entry.users += 1
        return entry.weights

    def release(self, key: str) -> None:
        """End one use. Weights without users are freed unless a later model needs them."""
        self._entries[key].users -= 1
        self._free_unneeded()

    def expect(self, key: str) -> None:
        """Announce a model with these weights; one call for each model."""
        self._needed[key] += 1

    def unexpect(self, key: str) -> None:
        """Withdraw one announcement: that model has finished."""
        self._needed[key] -= 1
        self._free_unneeded()

    def _free_unneeded(self) -> None:
        entries = self._entries.items()
        self._drop([k for k, entry in entries if not entry.users and self._needed[k] <= 0])

    def _drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            del self._entries[key]
        if keys:
            from evalkit.engine.memory import release_memory

            release_memory()


def weights_key(model: Model) -> str | None:
    """The key of a model's weights; None for a model that shares none."""
    try:
        key: str | None = getattr(model, "weights_key", None)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a model that does not exist reports that when it is prepared
        return None
    return key


def share_weights(models: Sequence[Model]) -> tuple[WeightCache, Counter[str]]:
    """Give models one cache, and count how many of them have each key.

    It is the cache of a model that is loaded already, or else a new one. A model that is loaded
    from another cache keeps that one.
    """
    keyed: list[tuple[Any, str]] = [
        (model, key)
        for model in models
        if hasattr(model, "weight_cache") and (key := weights_key(model)) is not None
    ]
    cache = next((model.weight_cache for model, _ in keyed if model.weight_cache), WeightCache())
    for model, key in keyed:
        if key not in model.weight_cache:
            model.weight_cache = cache
    return cache, Counter(key for _, key in keyed)


def group_by_weights(
    work: Sequence[tuple[str, Work]], models: Mapping[str, Model], later: Sequence[Model] = ()
) -> list[tuple[str, Work]]:
    """Reorder work by model so that models of the same weights are adjacent.

    Otherwise the order stays as given, except that the weights of the first of the ``later`` models
    come last: they are then still loaded.
    """
    keys = {name: weights_key(models[name]) or f"alone: {name}" for name, _ in work}
    rank = {key: place for place, key in enumerate(dict.fromkeys(keys.values()))}
    if later and (last := weights_key(later[0])) in rank:
        rank[str(last)] = len(rank)
    return sorted(work, key=lambda one: rank[keys[one[0]]])


class LoadedModels:
    """Loads the models of a run, one at a time, and closes each when its turn is over.

    Use it as a context manager; at the end it closes what is still loaded.

    answering: the models that answer, one turn each. later: the models that are asked about the
    answers afterwards.
    """

    def __init__(self, answering: Sequence[Model] = (), later: Sequence[Model] = ()) -> None:
        self._answering = list(answering)
        self._later = list({id(model): model for model in later}.values())
        self._current: Model | None = None
        self._failures: dict[int, str] = {}
        self._cache, self._expected = share_weights([*self._answering, *self._later])
        for key in self._expected.elements():
            self._cache.expect(key)

    def holds(self, model: Model) -> bool:
        """True while this model is loaded."""
        return self._current is model

    def load(self, model: Model) -> float:
        """Load a model unless it is loaded; returns the seconds that it took.

        Another model that stayed loaded is closed first. Raises what loading raises.
        """
        if self.holds(model):
            return 0.0
        self._close()
        started = perf_counter()
        model.load()
        self._current = model
        return perf_counter() - started

    def failure(self, model: Model) -> str:
        """Why this model could not be loaded earlier; "" when it did not fail."""
        return self._failures.get(id(model), "")

    def remember_failure(self, model: Model, message: str) -> None:
        """Loading failed; it may take minutes, so it is not tried again in this run."""
        self._failures[id(model)] = message

    def finish(self, model: Model) -> None:
        """End a turn of a model. It stays loaded only if it is asked about the answers next."""
        turns = self._answering or self._later
        turns[:] = [other for other in turns if other is not model]
        stays = not self._answering and any(other is model for other in self._later)
        if self.holds(model) and not stays:
            self._close()
        key = weights_key(model)
        if key is not None and self._expected[key] > 0:
            self._expected[key] -= 1
            self._cache.unexpect(key)

    def _close(self) -> None:
        model, self._current = self._current, None
        if model is not None:
            model.close()

    def __enter__(self) -> LoadedModels:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._close()
        finally:
            for key in self._expected.elements():
                self._cache.unexpect(key)
            self._expected.clear()
