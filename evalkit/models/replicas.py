"""Data parallelism: a replica of a model on each of several devices."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from evalkit.errors import ModelError, SpecError, stated
from evalkit.exchange import Request
from evalkit.messages import size
from evalkit.models.base import Batch, Capabilities, InProgress, Model, Reporting
from evalkit.models.options import Declaration, problem


@dataclass(frozen=True, slots=True)
class _ReplicaDeclaration:
    """The declaration of one replica."""

    name: str
    backend: str
    options: Mapping[str, Any]
    file: str
    line: int
    root: Any


class Replicas:
    """A model with several replicas, each of which answers its share in a thread."""

    def __init__(self, declaration: Declaration, make: Callable[[Declaration], Model]) -> None:
        devices = list(declaration.options["device"])
        if not devices or len(set(devices)) < len(devices) or "auto" in devices:
            expected = "expected distinct devices, such as [cuda:0, cuda:1]"
            raise SpecError([problem(declaration, expected, "device")])
        if len({str(device).partition(":")[0] for device in devices}) > 1:
            # precision follows the kind of device, and so do the last bits of an answer
            expected = f"expected devices of one kind, such as [cuda:0, cuda:1], not {devices}"
            raise SpecError([problem(declaration, expected, "device")])
        self.name = declaration.name
        self.declaration = declaration
        self._replicas = [make(_on(declaration, device)) for device in devices]
        self.capabilities: Capabilities = self._replicas[0].capabilities

    def fingerprint(self) -> Mapping[str, Any] | None:
        """The fingerprint of one replica; on devices of one kind all are equal."""
        return self._replicas[0].fingerprint()

    def load(self) -> None:
        """Load the replicas one after the other. If one fails, the others are closed."""
        with ExitStack() as undo:
            for replica in self._replicas:
                undo.callback(replica.close)
                replica.load()
            undo.pop_all()

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Responses of all replicas as they arrive. The shares depend on the requests alone."""
        self.load()
        results: queue.Queue[Batch | Exception | None] = queue.Queue()
        stop = threading.Event()
        shares = share_out(requests, len(self._replicas))
        workers = [
            threading.Thread(
                target=partial(_work, replica, requests, share, answered, results, stop)
            )
            for replica, share in zip(self._replicas, shares, strict=True)
        ]

        def stop_all() -> None:
            stop.set()
            for worker in workers:
                if worker.ident is not None:  # else it never started
                    worker.join()

        try:
            for worker in workers:
                worker.start()
            yield from _until_done(results, len(workers))
        except (Exception, KeyboardInterrupt):
            stop_all()
            while not results.empty():  # the others' responses are not lost
                if isinstance(what := results.get(), list):
                    yield what
            raise
        finally:
            stop_all()

    def in_progress(self) -> InProgress:
        """The sum over all replicas."""
        every = [r.in_progress() for r in self._replicas if isinstance(r, Reporting)]
        return InProgress(sum(e.tokens for e in every), [m for e in every for m in e.messages])

    def describe(self) -> Mapping[str, Any]:
        """Facts about the first replica, and the devices of all."""
        every = [replica.describe() for replica in self._replicas]
        return {**every[0], "device": ", ".join(str(each["device"]) for each in every)}

    def close(self) -> None:
        """Close every replica."""
        for replica in self._replicas:
            replica.close()


def _until_done(results: queue.Queue[Batch | Exception | None], working: int) -> Iterator[Batch]:
    """The batches of so many replicas. Raises the first exception of one."""
    while working:
        what = results.get()
        if isinstance(what, Exception):
            raise what
        if what is None:
            working -= 1
        else:
            yield what


def share_out(requests: Sequence[Request], count: int) -> list[list[int]]:
    """The indices of the requests for each of ``count`` replicas, in ascending order.

    Equal requests and repeats of one go to the same replica, which computes them once. They are
    dealt out in order of falling size of prompt and answer, so that the shares are about equal.
    """
    places: dict[Request, list[int]] = {}
    for index, request in enumerate(requests):
        places.setdefault(replace(request, repeat=0), []).append(index)
    heaviest = sorted(places, key=lambda request: -_size(request))
    shares: list[list[int]] = [[] for _ in range(count)]
    for position, request in enumerate(heaviest):
        # back and forth: the replica with the larger of two requests gets the smaller one next
        round_number, step = divmod(position, count)
        shares[count - 1 - step if round_number % 2 else step].extend(places[request])
    return [sorted(share) for share in shares]


def _size(request: Request) -> int:
    """The approximate work of a request, in characters."""
    written = 0 if request.choices or request.reading else 4 * request.generation.max_new_tokens
    return size(request.prompt) + written


def _work(
    replica: Model,
    requests: Sequence[Request],
    share: Sequence[int],
    answered: frozenset[int],
    results: queue.Queue[Batch | Exception | None],
    stop: threading.Event,
) -> None:
    """Put the responses of a share into the queue, then None or the exception that ended it."""
    known = frozenset(k for k, index in enumerate(share) if index in answered)
    try:
        for batch in replica.respond([requests[index] for index in share], known):
            results.put([(share[k], response) for k, response in batch])
            if stop.is_set():
                return
    except BaseException as error:  # the main thread waits for it
        results.put(error if isinstance(error, Exception) else ModelError(stated(error)))
    else:
        results.put(None)


def _on(declaration: Declaration, device: Any) -> _ReplicaDeclaration:
    return _ReplicaDeclaration(
        declaration.name,
        declaration.backend,
        {**declaration.options, "device": device},
        declaration.file,
        declaration.line,
        declaration.root,
    )
