"""What the runner tells while it works; a face (pytest, the command line) draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evalkit.exchange import Request
from evalkit.messages import size


class Progress(Protocol):
    """Told about work as it happens. ``work`` is in the unit of :func:`work`."""

    def start(self, cells: int, requests: int, cached: int, work: float) -> None:
        """Before anything is asked: how much there is, and how much of it is known already."""

    def loading(self, model: str) -> None:
        """A model is being loaded."""

    def cell(self, suite: str, model: str, prompt: str) -> None:
        """The cell that is worked on from now."""

    def judge(self, name: str, requests: int, cached: int, work: float) -> None:
        """A judge is asked from now: how much there is for it, and how much of it is known."""

    def advance(self, requests: int, work: float, tokens: int) -> None:
        """So many requests were answered, which took so much of the work and so many tokens."""

    def tests(self, done: int, total: int) -> None:
        """So many of the cell's answers, which are code, were run with their tests."""

    def finish(self) -> None:
        """All is done, or given up."""


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
