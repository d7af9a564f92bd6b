"""Sends many requests to a server concurrently, and retries those that fail temporarily.

``send_each`` is a plain generator. Its requests run in the event loop of
``evalkit.models.remote.loop`` and are cancelled when the generator ends.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from itertools import chain
from queue import Empty, SimpleQueue

from evalkit.errors import ModelError, stated
from evalkit.exchange import FILTERED, Request, Response, Status
from evalkit.messages import shown
from evalkit.models.base import Batch
from evalkit.models.remote.concurrency import ConcurrencyLimiter
from evalkit.models.remote.failures import (
    Advice,
    RequestRejectedError,
    TemporaryError,
    error_from_exception,
)
from evalkit.models.remote.loop import LOOP
from evalkit.models.remote.options import RemoteOptions
from evalkit.models.remote.usage import Usage

Send = Callable[[Request], Awaitable[Response]]
"""Sends one request once. Raises TemporaryError, RequestRejectedError, ModelError or an exception
of its client library."""
Connect = Callable[[], AbstractAsyncContextManager[Send]]
"""Opens connections inside the event loop, and closes them at the end."""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """How requests to a model are sent.

    options: concurrency, timeouts and retries. connect: opens connections. advice: what to do about
    failures. usage: counts tokens and costs. redact: removes secrets from a message.
    """

    options: RemoteOptions
    connect: Connect
    advice: Advice
    usage: Usage
    redact: Callable[[str], str] = str


def send_each(
    config: ClientConfig, requests: Sequence[Request], indices: Iterator[int]
) -> Iterator[Batch]:
    """Yields responses as they arrive.

    indices: of the requests to send, each taken when a connection is free for it. Closing the
    generator cancels the requests in flight.

    Raises ModelError when no further request can succeed.
    """
    first = next(indices, None)
    if first is None:
        return
    worker = _Worker(config, ((i, requests[i]) for i in chain([first], indices)))
    worker.start()
    try:
        while batch := worker.next_batch():
            yield batch
    finally:
        worker.stop()


class _Worker:
    """The work in the event loop, and the queue of its responses."""

    def __init__(self, config: ClientConfig, todo: Iterator[tuple[int, Request]]) -> None:
        self._config = config
        self._todo = todo
        self._ready: SimpleQueue[tuple[int, Response] | Exception | None] = SimpleQueue()
        self._ended = threading.Event()

    def start(self) -> None:
        self._work = asyncio.run_coroutine_threadsafe(self._main(), LOOP.get())

    def next_batch(self) -> Batch:
        """The responses that have arrived, at least one; none when the work is done.

        Raises what ended the work.
        """
        batch: Batch = []
        item = self._ready.get()
        while True:
            if isinstance(item, Exception) and not batch:
                raise item
            if item is None or isinstance(item, Exception):
                if batch:
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
            await send_all_async(
                self._config, self._todo, lambda i, response: self._ready.put((i, response))
            )
            self._ready.put(None)
        except asyncio.CancelledError:
            # cancelled either by ``stop``, when nothing waits for it, or by a client library
            self._ready.put(ModelError("the client library cancelled its own requests"))
        except Exception as error:
            self._ready.put(error)
        except BaseException as error:  # would end the loop, and nobody would be told
            self._ready.put(ModelError(self._config.redact(stated(error))))
        finally:
            self._ended.set()


async def send_all_async(
    config: ClientConfig,
    waiting: Iterator[tuple[int, Request]],
    deliver: Callable[[int, Response], None],
) -> None:
    """Send requests with one worker for each concurrent request; each takes the next one."""
    options = config.options
    end = asyncio.get_running_loop().time() + (options.deadline or float("inf"))
    async with config.connect() as send:
        retrier = _Retrier(config, send, ConcurrencyLimiter(options.max_concurrency), end)

        async def work() -> None:
            for index, request in waiting:
                deliver(index, await retrier.answer(request))

        workers = [asyncio.create_task(work()) for _ in range(options.max_concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for each in workers:
                each.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Retrier:
    """Sends a request until it succeeds, is rejected, or runs out of attempts or time."""

    config: ClientConfig
    send: Send
    limiter: ConcurrencyLimiter
    end: float

    async def answer(self, request: Request) -> Response:
        options = self.config.options
        attempts = 0
        while True:
            left = self.end - asyncio.get_running_loop().time()
            if left <= 0:
                return self._failed(
                    request, attempts, f"the deadline of {options.deadline:g} s passed"
                )
            attempts += 1
            outcome = await self._try(request, left)
            if isinstance(outcome, Response):
                return self.config.usage.count(outcome, attempts)
            if attempts > options.retries:
                if outcome.unreachable:
                    raise ModelError(
                        self.config.redact(f"{outcome}. {self.config.advice.unreachable}")
                    )
                return self._failed(request, attempts, str(outcome))
            wait = delay(attempts, options, outcome.wait)
            left = self.end - asyncio.get_running_loop().time()
            if outcome.wait is not None and outcome.wait > options.max_wait:
                message = (
                    f"{outcome} (it asks for a wait of {outcome.wait:g} s, more than max_wait)"
                )
                return self._failed(request, attempts, message)
            if wait > left:
                message = (
                    f"{outcome}; the deadline of {options.deadline:g} s leaves no time for a retry"
                )
                return self._failed(request, attempts, message)
            await asyncio.sleep(wait)

    async def _try(self, request: Request, left: float) -> Response | TemporaryError:
        timeout = min(self.config.options.timeout, left)
        async with self.limiter.slot() as round_:
            started = time.perf_counter()
            failure: Exception
            try:
                response = await asyncio.wait_for(self._sent(request), timeout)
            except asyncio.TimeoutError:
                failure = TemporaryError(f"no answer within {timeout:.3g} s", busy=True)
            except Exception as error:  # of any client library
                failure = error_from_exception(error, self.config.advice)
            else:
                self.limiter.on_success()
                return replace(response, seconds=time.perf_counter() - started)
            if isinstance(failure, TemporaryError):
                if failure.busy:
                    max_wait = self.config.options.max_wait
                    self.limiter.on_overload(round_, min(failure.wait or 0.0, max_wait))
                return failure
        if isinstance(failure, RequestRejectedError):
            status = Status.OVERFLOW if failure.overflow else Status.ERROR
            message = self.config.redact(str(failure))
            details = {FILTERED: True} if failure.moderated else {}
            return Response(status, sent=shown(request.prompt), error=message, details=details)
        raise ModelError(self.config.redact(str(failure))) from None

    async def _sent(self, request: Request) -> Response:
        """The response. What is neither an Exception nor a cancellation (SystemExit, pytest.skip())
        would end the event loop or skip the test: it is an error of this request."""
        try:
            return await self.send(request)
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException as error:
            raise RequestRejectedError(stated(error)) from None

    def _failed(self, request: Request, attempts: int, why: str) -> Response:
        count = {0: "not sent", 1: "1 attempt"}.get(attempts, f"{attempts} attempts")
        message = self.config.redact(f"{why} ({count})")
        response = Response(Status.ERROR, sent=shown(request.prompt), error=message)
        return self.config.usage.count(response, max(attempts, 1))


def delay(attempts: int, options: RemoteOptions, requested: float | None) -> float:
    """Seconds before the next attempt.

    They double with each attempt and are shortened at random by up to half, so that requests that
    failed together are not retried together. It is never less than what the server asked for
    (``requested``).
    """
    grown = min(options.max_wait, options.backoff * 2.0 ** min(attempts - 1, 30))
    own = grown * random.uniform(0.5, 1.0)
    return own if requested is None else requested + min(own, options.backoff)
