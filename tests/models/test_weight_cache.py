"""The weights that stay in memory between the models of a run."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.models.weight_cache import (
    LoadedModels,
    WeightCache,
    group_by_weights,
    share_weights,
)


class Weights:
    """Something a weak reference can point to."""


class Loads:
    """Loads weights; ``alive`` refers to what was loaded, ``keys`` lists it in order."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.alive: dict[str, Any] = {}

    def __call__(self, key: str) -> Callable[[], Weights]:
        def load() -> Weights:
            gc.collect()
            in_memory = [k for k, ref in self.alive.items() if ref() is not None]
            assert not in_memory, "unused weights are freed before others are loaded"
            self.keys.append(key)
            weights = Weights()
            self.alive[key] = weakref.ref(weights)
            return weights

        return load

    def in_memory(self) -> list[str]:
        return [key for key, ref in self.alive.items() if ref() is not None]


class Fake:
    """A model with these weights that records its calls."""

    def __init__(self, name: str, key: str, loads: Loads, log: list[str]) -> None:
        self.name, self.weights_key = name, key
        self.weight_cache = WeightCache()
        self._loads, self._log = loads, log

    def load(self) -> None:
        self._log.append(f"load {self.name}")
        self.weight_cache.acquire(self.weights_key, self._loads(self.weights_key))

    def close(self) -> None:
        self._log.append(f"close {self.name}")
        self.weight_cache.release(self.weights_key)


def models(*keys: str) -> tuple[list[Any], Loads, list[str]]:
    """A model for each key, named by the key and its index."""
    loads, log = Loads(), []
    return [Fake(f"{key}{i}", key, loads, log) for i, key in enumerate(keys)], loads, log


def use(cache: WeightCache, loads: Loads, key: str) -> None:
    cache.acquire(key, loads(key))
    cache.release(key)


def test_weights_stay_loaded_only_while_a_later_model_needs_them() -> None:
    cache, loads = WeightCache(), Loads()
    use(cache, loads, "a")
    assert loads.in_memory() == [], "no model with these weights was announced"
    for key in ("a", "a", "b", "a"):
        cache.expect(key)
    for _ in range(2):
        use(cache, loads, "a")
        cache.unexpect("a")
    assert loads.in_memory() == ["a"], "a third model needs them"
    use(cache, loads, "b")
    cache.unexpect("b")
    assert loads.in_memory() == []
    use(cache, loads, "a")
    cache.unexpect("a")
    assert loads.in_memory() == []
    assert loads.keys == ["a", "a", "b", "a"]


def test_a_run_leaves_no_weights_behind() -> None:
    cells, loads, _ = models("a", "a")
    with LoadedModels(cells) as loaded:
        loaded.load(cells[0])
        loaded.finish(cells[0])
        assert loads.in_memory() == ["a"], "the second model needs them"
    assert loads.in_memory() == [], "though it never had its turn"

    def break_off() -> None:
        with LoadedModels(cells) as loaded:
            loaded.load(cells[0])
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert loads.in_memory() == []


def test_models_of_the_same_weights_load_them_once() -> None:
    cells, loads, log = models("a", "a", "b")
    with LoadedModels(cells) as loaded:
        for model in cells:
            assert loaded.load(model) >= 0.0
            assert loaded.load(model) == 0.0, "it is loaded"
            loaded.finish(model)
    assert loads.keys == ["a", "b"]
    assert log == ["load a0", "close a0", "load a1", "close a1", "load b2", "close b2"]


def test_the_last_model_stays_loaded_if_it_judges() -> None:
    (first, last, judge), _, log = models("a", "b", "c")
    with LoadedModels([first, last], [judge, first, last, last]) as loaded:
        for model in (first, last):
            loaded.load(model)
            loaded.finish(model)
        assert loaded.holds(last)
        assert log == ["load a0", "close a0", "load b1"], "first judges, but not next"
        for model in (last, judge):
            loaded.load(model)
            loaded.finish(model)
    assert log[3:] == ["close b1", "load c2", "close c2"]


def test_a_model_kept_loaded_is_freed_for_another() -> None:
    (last, judge), _, log = models("a", "b")
    with LoadedModels([last], [last, judge]) as loaded:
        loaded.load(last)
        loaded.finish(last)
        loaded.load(judge)
        assert log == ["load a0", "close a0", "load b1"]
    assert log[-1] == "close b1"


def test_a_failure_is_remembered_for_the_run() -> None:
    (model,), _, _ = models("a")
    with LoadedModels([model], [model]) as loaded:
        assert loaded.failure(model) == ""
        loaded.remember_failure(model, "the disk is gone")
        loaded.finish(model)
        assert loaded.failure(model) == "the disk is gone"


def test_a_loaded_model_shares_its_weights() -> None:
    (mine, other), loads, _ = models("a", "a")
    mine.load()
    cache, counts = share_weights([other, mine])
    assert cache is mine.weight_cache is other.weight_cache
    assert counts == {"a": 2}
    other.load()
    assert loads.keys == ["a"]


def test_models_without_shared_weights_keep_their_order() -> None:
    class Absent:
        weight_cache = None

        @property
        def weights_key(self) -> str:
            raise ModelError("there is no such folder")

    unshared: list[Any] = [SimpleNamespace(), Absent()]
    assert len(share_weights(unshared)[1]) == 0


def test_models_of_the_same_weights_are_adjacent_and_judges_weights_last() -> None:
    weights = {"a": "x", "b": "y", "c": "x", "d": None, "e": None, "f": "y"}
    named: dict[str, Any] = {
        name: SimpleNamespace(weights_key=key) if key else SimpleNamespace()
        for name, key in weights.items()
    }
    work = [(name, []) for name in weights]

    def order(*later: str) -> str:
        found = group_by_weights(work, named, [named[name] for name in later])
        return "".join(name for name, _ in found)

    assert order() == "acbfde"
    assert order("a", "b") == "bfdeac"
    assert order("b") == "acdebf"
    assert order("d") == "acbfde"
