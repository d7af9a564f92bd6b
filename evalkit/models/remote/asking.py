"""Asking a server for many answers at once, each tried again while its failure may pass.

``respond`` is a plain generator: what it asks runs in evalkit.models.remote.loop and ends with the
generator, however that ends.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import shown
from evalkit.models.base import Batch
from evalkit.models.remote.failures import Advice, RefusedError, TemporaryError, of_exception
from evalkit.models.remote.loop import LOOP
from evalkit.models.remote.options import RemoteOptions
from evalkit.models.remote.pace import Pace
from evalkit.models.remote.usage import Usage

Ask = Callable[[Request], Awaitable[Response]]
"""One try of one request. Raises TemporaryError, RefusedError, ModelError or what its library
raises."""
Connect = Callable[[], AbstractAsyncContextManager[Ask]]
"""Opens the connections inside the event loop and closes them again."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Everything about how a model is asked. hide: takes secrets out of a message."""

    options: RemoteOptions
    connect: Connect
    advice: Advice
    usage: Usage
    hide: Callable[[str], str] = str


def respond(
    asking: Asking, requests: Sequence[Request], answered: frozenset[int]
) -> Iterator[Batch]:
    """Every response as soon as it is there, in the order in which they come.

    Raises ModelError when none can succeed any more. Closing the generator cancels what is under
    way.
    """
    todo = [(i, request) for i, request in enumerate(requests) if i not in answered]
    if not todo:
        return
    worker = _Worker(asking, todo)
    worker.start()
    try:
        missing = len(todo)
        while missing:
            batch = worker.next_batch()
            missing -= len(batch)
            yield batch
    finally:
        worker.stop()


class _Worker:
    """What runs in the event loop, and the queue on which it hands responses over."""

    def __init__(self, asking: Asking, todo: list[tuple[int, Request]]) -> None:
        self._asking = asking
        self._todo = todo
        self._ready: SimpleQueue[tuple[int, Response] | Exception] = SimpleQueue()
        self._ended = threading.Event()

    def start(self) -> None:
        self._work = asyncio.run_coroutine_threadsafe(self._main(), LOOP.get())

    def next_batch(self) -> Batch:
        """What is there, at least one response. Raises what ended the work."""
        batch: Batch = []
        item = self._ready.get()
        while True:
            if isinstance(item, Exception):
                if not batch:
                    raise item
                self._ready.put(item)
                return batch
            batch.append(item)
            try:
                item = self._ready.get_nowait()
            except Empty:
                return batch

    def stop(self) -> None:
        self._work.cancel()
        self._ended.wait(timeout=10)

    async def _main(self) -> None:
        try:
            await ask_all(
                self._asking, self._todo, lambda i, response: self._ready.put((i, response))
            )
        except asyncio.CancelledError:
            # by ``stop``, after which nobody listens; else by a client library, and somebody waits
            self._ready.put(ModelError("the client library cancelled its own requests"))
        except Exception as error:
            self._ready.put(error)
        finally:
            self._ended.set()


async def ask_all(
    asking: Asking,
    todo: Sequence[tuple[int, Request]],
    deliver: Callable[[int, Response], None],
) -> None:
    """Answer requests with as many workers as may be under way; each takes the next one."""
    options = asking.options
    end = asyncio.get_running_loop().time() + (options.deadline or float("inf"))
    waiting = iter(todo)
    async with asking.connect() as ask:
        patient = _Patient(asking, ask, Pace(options.max_concurrency), end)

        async def work() -> None:
            for index, request in waiting:
                deliver(index, await patient.answer(request))

        workers = [
            asyncio.create_task(work()) for _ in range(min(options.max_concurrency, len(todo)))
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for each in workers:
                each.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Patient:
    """Asks until there is an answer, a refusal, no try or no time left."""

    asking: Asking
    ask: Ask
    pace: Pace
    end: float

    async def answer(self, request: Request) -> Response:
        options = self.asking.options
        tries = 0
        while True:
            left = self.end - asyncio.get_running_loop().time()
            if left <= 0:
                return self._failed(
                    request, tries, f"the deadline of {options.deadline:g} s passed"
                )
            tries += 1
            outcome = await self._try(request, left)
            if isinstance(outcome, Response):
                return self.asking.usage.count(outcome, tries)
            if tries > options.retries:
                if outcome.unreachable:
                    raise ModelError(
                        self.asking.hide(f"{outcome}. {self.asking.advice.unreachable}")
                    )
                return self._failed(request, tries, str(outcome))
            wait = delay(tries, options, outcome.wait)
            left = self.end - asyncio.get_running_loop().time()
            if outcome.wait is not None and outcome.wait > options.max_wait:
                told = f"{outcome} (it asks to wait {outcome.wait:g} s, more than max_wait)"
                return self._failed(request, tries, told)
            if wait > left:
                told = f"{outcome}; the deadline of {options.deadline:g} s leaves no time to wait"
                return self._failed(request, tries, told)
            await asyncio.sleep(wait)

    async def _try(self, request: Request, left: float) -> Response | TemporaryError:
        timeout = min(self.asking.options.timeout, left)
        async with self.pace.place() as round_:
            started = time.perf_counter()
            failure: Exception
            try:
                response = await asyncio.wait_for(self.ask(request), timeout)
            except asyncio.TimeoutError:
                failure = TemporaryError(f"no answer within {timeout:.3g} s", busy=True)
            except Exception as error:  # of any client library
                failure = of_exception(error, self.asking.advice)
            else:
                self.pace.speed_up()
                return replace(response, seconds=time.perf_counter() - started)
            if isinstance(failure, TemporaryError):
                if failure.busy:
                    patience = self.asking.options.max_wait
                    self.pace.slow_down(round_, min(failure.wait or 0.0, patience))
                return failure
        if isinstance(failure, RefusedError):
            status = Status.OVERFLOW if failure.overflow else Status.ERROR
            told = self.asking.hide(str(failure))
            return Response(status, sent=shown(request.prompt), error=told)
        raise ModelError(self.asking.hide(str(failure))) from None

    def _failed(self, request: Request, tries: int, why: str) -> Response:
        asked = {0: "never asked", 1: "asked once"}.get(tries, f"asked {tries} times")
        told = self.asking.hide(f"{why} ({asked})")
        response = Response(Status.ERROR, sent=shown(request.prompt), error=told)
        return self.asking.usage.count(response, max(tries, 1))


def delay(tries: int, options: RemoteOptions, told: float | None) -> float:
    """Seconds before the next try: doubling, shortened at random by up to half, so that requests
    that failed together do not come back together; never less than the server asked for."""
    grown = min(options.max_wait, options.backoff * 2.0 ** min(tries - 1, 30))
    own = grown * random.uniform(0.5, 1.0)
    return own if told is None else told + min(own, options.backoff)
