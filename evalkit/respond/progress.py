"""Progress events of a run; pytest or the command line displays them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from evalkit.exchange import Request
from evalkit.messages import size
from evalkit.models.base import InProgress


class Progress(Protocol):
    """Receives events as work happens. ``work`` is in the unit of :func:`work`."""

    def start(self, cells: int, requests: int, cached: int, work: float) -> None:
        """Before the first request: how many there are, and how many are cached."""

    def loading(self, model: str) -> None:
        """A model is being loaded."""

    def cell(self, suite: str, model: str, prompt: str) -> None:
        """Work on a cell starts."""

    def judge(self, name: str, requests: int, cached: int, work: float) -> None:
        """Requests to a judge start: how many there are, and how many are cached."""

    def advance(self, requests: int, work: float, tokens: int) -> None:
        """Requests were answered: how many, their share of the work, and their tokens."""

    def watch(self, report: Callable[[], InProgress] | None) -> None:
        """A model starts to answer. report: what it computes between responses, if it says so."""

    def working(self, what: str) -> None:
        """Work without requests starts, such as ``scoring``. What comes next ends it."""

    def waiting(self, requests: int) -> None:
        """Another process on the same store is asking so many; its answers are awaited."""

    def tests(self, done: int, total: int) -> None:
        """Generated programs of the cell were run with their tests."""

    def finish(self) -> None:
        """All work is done or was abandoned."""


class Silent:
    """Says nothing."""

    def start(self, cells: int, requests: int, cached: int, work: float) -> None:
        """Nothing."""

    def loading(self, model: str) -> None:
        """Nothing."""

    def cell(self, suite: str, model: str, prompt: str) -> None:
        """Nothing."""

    def judge(self, name: str, requests: int, cached: int, work: float) -> None:
        """Nothing."""

    def advance(self, requests: int, work: float, tokens: int) -> None:
        """Nothing."""

    def watch(self, report: Callable[[], InProgress] | None) -> None:
        """Nothing."""

    def working(self, what: str) -> None:
        """Nothing."""

    def waiting(self, requests: int) -> None:
        """Nothing."""

    def tests(self, done: int, total: int) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""


def work(request: Request) -> float:
    """A rough cost of a request, for the ETA: characters read, and far more for those written.

    A token written costs a step of its own where a whole prompt is read in one; batching
    evens out part of that. The factor only shapes the estimate, never a result.
    """
    read = size(request.prompt)
    if request.reading is not None:
        return read
    if request.choices:
        return read + sum(len(choice) for choice in request.choices)
    return read + 30.0 * request.generation.max_new_tokens


def total_work(requests: Sequence[Request]) -> float:
    """The work of several requests."""
    return sum(work(request) for request in requests)
