"""Loaded weights, shared by the models that are made of them.

Declarations of the same weights in the same precision on the same device differ in an adapter, a
template or their limits only: they take the weights from here. Weights that nobody uses stay
as long as a model that is still to come wants them and nothing else must be loaded; so there is
never more in memory than what is used, and one set of weights that will be used again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from evalkit.models.base import Model


@dataclass(slots=True)
class _Held:
    weights: Any
    users: int = 0


class Shelf:
    """Weights by key, with the number of models that use them now."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._expected: Counter[str] = Counter()

    def take(self, key: str, load: Callable[[], Any]) -> Any:
        """The weights of this key, loaded unless they are here. Every take is given back once."""
        held = self._held.get(key)
        if held is None:
            self._drop([k for k, other in self._held.items() if not other.users])
            held = self._held[key] = _Held(load())
        held.users += 1
        return held.weights

    def give_back(self, key: str) -> None:
        """One user less."""
        self._held[key].users -= 1
        self._tidy()

    @contextmanager
    def expecting(self, keys: Sequence[str | None]) -> Iterator[Callable[[str | None], None]]:
        """While models with these weights are still to come; None: weights that are not shared.

        What it gives is to be called with the key of each model that is done.
        """
        left = Counter(key for key in keys if key is not None)
        self._expected += left

        def done(key: str | None) -> None:
            if key is not None and left[key]:
                left[key] -= 1
                self._expected[key] -= 1
                self._tidy()

        try:
            yield done
        finally:
            self._expected -= left
            self._tidy()

    def _tidy(self) -> None:
        held = self._held.items()
        self._drop([k for k, one in held if not one.users and not self._expected[k]])

    def _drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            del self._held[key]
        if keys:
            from evalkit.engine.memory import release_memory

            release_memory()


SHELF = Shelf()
"""The one of this process."""


def weights_of(model: Model) -> str | None:
    """The key of a model's weights: equal for models that share them; None: it shares none."""
    try:
        key: str | None = getattr(model, "weights_key", None)
    except Exception:  # a model that cannot exist, or be read, says so when it is prepared
        return None
    return key
