"""One model on several devices: a replica on each, the requests shared among them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from evalkit.errors import SpecError
from evalkit.exchange import Request
from evalkit.messages import size
from evalkit.models.base import Batch, Capabilities, Model
from evalkit.models.options import Declaration, problem


@dataclass(frozen=True, slots=True)
class _One:
    """The declaration of one replica."""

    name: str
    backend: str
    options: Mapping[str, Any]
    file: str
    line: int
    root: Any


class Replicas:
    """Answers like one of its replicas would; each works through its share in a thread."""

    def __init__(self, declaration: Declaration, make: Callable[[Declaration], Model]) -> None:
        devices = list(declaration.options["device"])
        if not devices or len(set(devices)) < len(devices) or "auto" in devices:
            said = "expected different devices, such as [cuda:0, cuda:1]"
            raise SpecError([problem(declaration, said, "device")])
        if len({str(device).partition(":")[0] for device in devices}) > 1:
            # precision follows the kind of device, and so do the last bits of an answer
            said = f"expected devices of one kind, such as [cuda:0, cuda:1], not {devices}"
            raise SpecError([problem(declaration, said, "device")])
        self.name = declaration.name
        self.declaration = declaration
        self._replicas = [make(_on(declaration, device)) for device in devices]
        self.capabilities: Capabilities = self._replicas[0].capabilities

    def fingerprint(self) -> Mapping[str, Any] | None:
        """That of one replica; on devices of one kind they are equal."""
        return self._replicas[0].fingerprint()

    def load(self) -> None:
        """Load every replica, one after the other; none stays when one cannot be."""
        with ExitStack() as undo:
            for replica in self._replicas:
                undo.callback(replica.close)
                replica.load()
            undo.pop_all()

    def respond(
        self, requests: Sequence[Request], answered: frozenset[int] = frozenset()
    ) -> Iterator[Batch]:
        """Answers of all replicas as they come. Who answers what depends on the requests alone."""
        self.load()
        given: queue.Queue[Batch | Exception | None] = queue.Queue()
        stop = threading.Event()
        shares = share_out(requests, len(self._replicas))
        workers = [
            threading.Thread(target=partial(_work, replica, requests, share, answered, given, stop))
            for replica, share in zip(self._replicas, shares, strict=True)
        ]
        for worker in workers:
            worker.start()
        try:
            working = len(workers)
            while working:
                what = given.get()
                if isinstance(what, Exception):
                    raise what
                if what is None:
                    working -= 1
                else:
                    yield what
        finally:
            stop.set()
            for worker in workers:
                worker.join()

    def describe(self) -> Mapping[str, Any]:
        """What was chosen for the first replica, and every device."""
        every = [replica.describe() for replica in self._replicas]
        return {**every[0], "device": ", ".join(str(each["device"]) for each in every)}

    def close(self) -> None:
        """Free every replica."""
        for replica in self._replicas:
            replica.close()


def share_out(requests: Sequence[Request], count: int) -> list[list[int]]:
    """Indices of the requests for each of ``count`` replicas, in order.

    Equal requests and repeats of one go to the same replica, which computes them once; the
    rest is dealt out by falling size of prompt and answer, so that shares weigh about the same.
    """
    places: dict[Request, list[int]] = {}
    for index, request in enumerate(requests):
        places.setdefault(replace(request, repeat=0), []).append(index)
    heaviest = sorted(places, key=lambda request: -_size(request))
    shares: list[list[int]] = [[] for _ in range(count)]
    for position, request in enumerate(heaviest):
        # there and back: who got the heavier one of a pair gets the lighter of the next
        lap, step = divmod(position, count)
        shares[count - 1 - step if lap % 2 else step].extend(places[request])
    return [sorted(share) for share in shares]


def _size(request: Request) -> int:
    """About how much work a request is, in characters."""
    written = 0 if request.choices or request.reading else 4 * request.generation.max_new_tokens
    return size(request.prompt) + written


def _work(
    replica: Model,
    requests: Sequence[Request],
    share: Sequence[int],
    answered: frozenset[int],
    given: queue.Queue[Batch | Exception | None],
    stop: threading.Event,
) -> None:
    """Answer a share; at the end None, or what went wrong."""
    known = frozenset(k for k, index in enumerate(share) if index in answered)
    try:
        for batch in replica.respond([requests[index] for index in share], known):
            given.put([(share[k], response) for k, response in batch])
            if stop.is_set():
                return
    except Exception as error:
        given.put(error)
    else:
        given.put(None)


def _on(declaration: Declaration, device: Any) -> _One:
    return _One(
        declaration.name,
        declaration.backend,
        {**declaration.options, "device": device},
        declaration.file,
        declaration.line,
        declaration.root,
    )
