"""A timeout and a deadline for a model in this process.

Python cannot stop a computation, so a model with limits works in a thread. Past a limit, the
samples without an answer are errors; the thread ends after the batch in work, and until then the
model takes no further requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from queue import Empty, SimpleQueue

from pydantic import Field

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import shown
from evalkit.models.base import Batch
from evalkit.models.options import Options

Outcome = Batch | BaseException | None
"""A batch, the exception that ended the work, or None at its end."""
GRACE = 10.0
"""Seconds that the batch in work gets to end before the model counts as stuck."""


class TimedOptions(Options):
    """Options of models that compute in this process."""

    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds in which a response must arrive; counted anew from each."""
    deadline: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds for all requests of a cell together."""


class TimeLimits:
    """Applies the limits of one model to its cells."""

    def __init__(self, name: str, options: TimedOptions) -> None:
        self._name = name
        self._timeout = options.timeout
        self._deadline = options.deadline
        self._worker: _Worker | None = None

    def apply(
        self,
        respond: Callable[[], Iterator[Batch]],
        requests: Sequence[Request],
        answered: frozenset[int],
    ) -> Iterator[Batch]:
        """The batches of ``respond``; errors for what is missing past a limit.

        Raises ModelError if the batch that exceeded a limit earlier is still in work.
        """
        if self._timeout is None and self._deadline is None:
            yield from respond()
            return
        if self._worker is not None and self._worker.is_alive():
            raise ModelError(f"'{self._name}' still computes a batch that exceeded its limit")
        self._worker = worker = _Worker(respond)
        missing = set(range(len(requests))) - answered
        end = time.monotonic() + (self._deadline or inf)
        worker.start()
        try:
            while True:
                left = min(self._timeout or inf, end - time.monotonic())
                outcome = worker.next(max(left, 0.0))
                if outcome is None:
                    return
                if isinstance(outcome, BaseException):
                    raise outcome
                missing.difference_update(index for index, _ in outcome)
                yield outcome
        except Empty:
            late = time.monotonic() >= end
            why = (
                f"no answer before the deadline of {self._deadline or 0:g} s"
                if late
                else f"no answer within {self._timeout or 0:.3g} s"
            )
            yield [
                (i, Response(Status.ERROR, sent=shown(requests[i].prompt), error=why))
                for i in sorted(missing)
            ]
        finally:
            worker.stop()


class _Worker(threading.Thread):
    """Draws batches from a model until it is stopped."""

    def __init__(self, respond: Callable[[], Iterator[Batch]]) -> None:
        super().__init__(name="evalkit-model", daemon=True)
        self._respond = respond
        self._batches: SimpleQueue[Outcome] = SimpleQueue()
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            for batch in self._respond():
                self._batches.put(batch)
                if self._stopped.is_set():
                    return
        except BaseException as error:  # raised again where the batches are taken
            self._batches.put(error)
        else:
            self._batches.put(None)

    def next(self, seconds: float) -> Outcome:
        """The next batch. Raises Empty if there is none within so many seconds."""
        return self._batches.get(timeout=min(seconds, threading.TIMEOUT_MAX))

    def stop(self) -> None:
        """End after the batch in work, which gets a while."""
        self._stopped.set()
        self.join(GRACE)
