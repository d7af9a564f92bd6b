"""Makes calls, several at a time, each within a timeout and all within a deadline.

A call that is bounded runs in a thread: Python cannot stop it, so a call that exceeds its limit is
given up. Its thread stays behind until the call returns, and another takes its place.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from queue import Empty, SimpleQueue
from typing import ClassVar, Protocol

from evalkit.exchange import Request, Response, Status
from evalkit.messages import shown
from evalkit.models.base import Batch

Job = list[tuple[int, Request]]
"""The requests of one call, with their indices."""


class Call(Protocol):
    """Answers the requests of one job, in order."""

    stops: ClassVar[bool]
    """Whether the call ends by itself within ``seconds``."""

    def __call__(self, requests: Sequence[Request], seconds: float | None) -> list[Response]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """timeout: seconds for one call. deadline: seconds for all of them together."""

    timeout: float | None = None
    deadline: float | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is one."""
        return self.timeout is not None or self.deadline is not None


def perform(
    jobs: Iterator[Job], call: Call, concurrency: int = 1, limits: Limits = Limits()
) -> Iterator[Batch]:
    """The responses of all jobs, in the order of completion.

    jobs: taken one after the other, each when a call is about to begin. concurrency: calls at a
    time, in threads. A call that exceeds a limit yields errors, and so do jobs after the deadline.
    Without limits, calls that are made one at a time run in the caller's thread.
    """
    if concurrency == 1 and not limits.are_set:
        for job in jobs:
            yield _answers(job, call([request for _, request in job], None))
        return
    if concurrency == 1 and call.stops:
        end = time.monotonic() + (limits.deadline or inf)
        for job in jobs:
            yield _answers(job, _called(call, job, limits, end))
        return
    yield from _Pool(call, concurrency, limits).perform(jobs)


def _called(call: Call, job: Job, limits: Limits, end: float) -> list[Response]:
    left = end - time.monotonic()
    if left <= 0:
        why = f"not called: the deadline of {limits.deadline:g} s passed"
        return _lost(job, why)
    seconds = min(limits.timeout or inf, left)
    return call([request for _, request in job], None if seconds == inf else seconds)


def _answers(job: Job, responses: Iterable[Response]) -> Batch:
    return [(index, response) for (index, _), response in zip(job, responses, strict=True)]


def _lost(job: Job, why: str) -> list[Response]:
    return lost([request for _, request in job], why)


def lost(requests: Iterable[Request], why: str) -> list[Response]:
    """Errors in place of the responses to these requests."""
    return [Response(Status.ERROR, sent=shown(one.prompt), error=why) for one in requests]


def late(seconds: float) -> str:
    """The error of a call that took longer than its timeout."""
    return f"no answer within {seconds:.3g} s"


def after(deadline: float) -> str:
    """The error of a call that was under way at the deadline."""
    return f"no answer before the deadline of {deadline:g} s"


class _Worker(threading.Thread):
    """A thread that makes calls until there are none, or until it is given up."""

    def __init__(self, pool: _Pool) -> None:
        super().__init__(name="evalkit-call", daemon=True)  # a stuck call holds up no exit
        self._pool = pool
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._began = inf
        self._given_up = False

    def run(self) -> None:
        while (job := self._pool.todo.get()) is not None:
            with self._lock:
                self._job, self._began = job, time.monotonic()
            outcome: list[Response] | BaseException
            try:
                outcome = self._context.run(self._pool.called, job)
            except BaseException as error:  # Ctrl-C that the function raised
                outcome = error
            with self._lock:
                self._job, self._began = None, inf
                if self._given_up:
                    return
            self._pool.done.put((job, outcome))

    def give_up(self, now: float, timeout: float) -> Job | None:
        """The job of this thread if it has taken longer than ``timeout``; the thread then ends
        after it."""
        with self._lock:
            if self._job is None or now - self._began < timeout:
                return None
            self._given_up = True
            return self._job


class _Pool:
    """Threads that make the calls of one cell."""

    def __init__(self, call: Call, concurrency: int, limits: Limits) -> None:
        self.todo: SimpleQueue[Job | None] = SimpleQueue()
        self.done: SimpleQueue[tuple[Job, list[Response] | BaseException]] = SimpleQueue()
        self._call = call
        self._concurrency = concurrency
        self._limits = limits
        self._end = time.monotonic() + (limits.deadline or inf)
        self._workers: list[_Worker] = []

    def called(self, job: Job) -> list[Response]:
        """The responses of a job, in the thread of a worker."""
        return _called(self._call, job, self._limits, self._end)

    def perform(self, jobs: Iterator[Job]) -> Iterator[Batch]:
        """Yield the responses as they arrive."""
        open_jobs = 0
        try:
            while True:
                # One waits for each that runs, so that no thread idles while responses are stored.
                for job in islice(jobs, 2 * self._concurrency - open_jobs):
                    open_jobs += 1
                    self.todo.put(job)
                    if len(self._workers) < min(self._concurrency, open_jobs):
                        self._start_worker()
                if not open_jobs:
                    return
                for batch in self._next():
                    open_jobs -= 1
                    yield batch
        finally:
            while not self.todo.empty():  # what no thread has begun
                self.todo.get()
            for _ in self._workers:
                self.todo.put(None)

    def _start_worker(self) -> None:
        worker = _Worker(self)
        self._workers.append(worker)
        worker.start()

    def _next(self) -> Iterator[Batch]:
        """The responses that have arrived, or errors of calls that exceed a limit."""
        waits = self._limits.are_set and not self._call.stops
        try:
            job, outcome = self.done.get(timeout=self._pause() if waits else None)
        except Empty:
            yield from self._give_up()
            return
        if isinstance(outcome, BaseException):
            raise outcome
        yield _answers(job, outcome)

    def _pause(self) -> float:
        """Seconds until a limit may be exceeded; short, because calls begin in between."""
        return min(self._limits.timeout or inf, self._limits.deadline or inf, 1.0) / 4

    def _give_up(self) -> Iterator[Batch]:
        now = time.monotonic()
        passed = now >= self._end
        timeout = 0.0 if passed else self._limits.timeout or inf
        for worker in list(self._workers):
            job = worker.give_up(now, timeout)
            if job is None:
                continue
            self._workers.remove(worker)
            self._start_worker()
            why = after(self._limits.deadline or 0.0) if passed else late(timeout)
            yield _answers(job, _lost(job, why))
