"""Requests to one model with the keys of their responses, and what is known of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from evalkit.exchange import Request, Response
from evalkit.plan import Cell


@dataclass(kw_only=True)
class RequestBatch:
    """Requests to one model: the key of each response, and each distinct request.

    Identical requests share a key and are sent once. ``known``: keys answered before this run.
    ``failures``: responses that are not kept in the store.
    """

    keys: list[str] = field(default_factory=list)
    distinct: dict[str, Request] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    failures: dict[str, Response] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    @property
    def missing(self) -> list[str]:
        """Keys without an answer, in the order of the samples."""
        return [key for key in self.distinct if key not in self.known]


@dataclass
class CellRequests(RequestBatch):
    """A cell with its requests: ``repeats`` keys to a sample, one after the other.

    Among the failures are those of samples whose prompt could not be rendered.
    """

    cell: Cell

    @property
    def upcoming(self) -> Sequence[Request]:
        """Stand-ins for requests that depend on answers to come."""
        return ()

    def rounds(self) -> Iterator[RequestBatch]:
        """Batches to send one after the other."""
        yield self
