"""Fewer threads where threads wait for each other.

Every matrix product ends when its last thread ends. Where other work uses the cores, a step of
decoding can take twenty times longer with two threads than with one. So the engine times forward
passes with both numbers in turn and keeps the faster one, for prefill and for decoding each.

The last bits of a sum may depend on the number of threads, as they do on the layout of batches. So
only precisions whose answers depend on neither (``LanguageModel.exact``) change it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

WARM_UP = 2
"""Passes before the first trial: they allocate memory and load kernels."""

ROUNDS = 3
"""Passes with each number of threads in a trial; their medians are compared."""

GAIN = 0.85
"""Another number is used if a pass takes less than this fraction of the usual time."""

HOPELESS = 3.0
"""A trial ends after its first round if the other number is so many times slower."""

FIRST_HOLD, LONGEST_HOLD = 20.0, 600.0
"""Seconds until a choice is checked again; they double while it stays the same."""

SLOWDOWN = 2.0
"""A choice is also checked when passes become so many times slower or larger, or smaller."""


@dataclass(slots=True)
class _Trial:
    """Passes with two numbers of threads in turn."""

    usual: int
    other: int
    usual_times: list[float] = field(default_factory=list)
    other_times: list[float] = field(default_factory=list)

    @property
    def threads(self) -> int:
        """The number for the next pass."""
        return self.usual if len(self.usual_times) <= len(self.other_times) else self.other

    def record(self, seconds: float) -> None:
        first = len(self.usual_times) <= len(self.other_times)
        (self.usual_times if first else self.other_times).append(seconds)

    @property
    def done(self) -> bool:
        if not self.other_times:
            return False
        hopeless = min(self.other_times) > HOPELESS * median(self.usual_times)
        return hopeless or len(self.other_times) == ROUNDS

    @property
    def won(self) -> bool:
        """Whether the other number is faster."""
        return median(self.other_times) < GAIN * median(self.usual_times)


class ThreadChoice:
    """The number of threads for one kind of forward pass.

    most: the usual number, which is never exceeded. Times are seconds of a pass divided by its
    size, so that passes of about the same size compare.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.threads_used = most
        self.times: tuple[float, float] | None = None
        """Seconds of a pass with the chosen and with the usual number; None: never changed."""
        self._passes = 0
        self._trial: _Trial | None = None
        self._others: list[int] = []
        self._hold = FIRST_HOLD
        self._check_at = 0.0
        self._settled: float | None = None
        self._settled_size = 0.0
        self._recent: deque[float] = deque(maxlen=ROUNDS)

    def next_threads(self, size: float, now: float) -> int:
        """The number for the next pass. size: its tokens or rows. now: in seconds."""
        self._passes += 1
        if self.most == 1 or self._passes <= WARM_UP:
            return self.threads_used
        if self._trial is None and self._must_check(size, now):
            double, half = min(2 * self.threads_used, self.most), self.threads_used // 2
            self._others = [n for n in (double, half) if 0 < n != self.threads_used]
            self._settled_size = size
            self._begin()
        return self._trial.threads if self._trial else self.threads_used

    def record(self, seconds: float, now: float) -> bool:
        """Record a pass with the number that ``next_threads`` gave; True: the choice changed.

        seconds: per unit of size.
        """
        trial = self._trial
        if trial is None:
            self._recent.append(seconds)
            return False
        trial.record(seconds)
        if not trial.done:
            return False
        changed = trial.won
        if changed:
            self.times = median(trial.other_times), median(trial.usual_times)
            self.threads_used, self._hold = trial.other, FIRST_HOLD
            further = 2 * trial.other if trial.other > trial.usual else trial.other // 2
            self._others = [further] if 0 < further <= self.most else []
        self._begin()
        if self._trial is None:
            self._settle(median(trial.other_times if changed else trial.usual_times), now)
        return changed

    def _must_check(self, size: float, now: float) -> bool:
        if self._settled is None or now >= self._check_at:
            return True
        grown = max(size, 1) / max(self._settled_size, 1)
        if not 1 / (2 * SLOWDOWN) < grown < 2 * SLOWDOWN:
            return True
        full = len(self._recent) == self._recent.maxlen
        return full and median(self._recent) > SLOWDOWN * self._settled

    def _begin(self) -> None:
        self._trial = _Trial(self.threads_used, self._others.pop(0)) if self._others else None

    def _settle(self, seconds: float, now: float) -> None:
        self._settled = seconds
        self._recent.clear()
        self._check_at = now + self._hold
        self._hold = min(2 * self._hold, LONGEST_HOLD)


class Threads:
    """The number of threads of a model's forward passes, by what they do."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        """What was decided, for the log of the run."""
        self._choices: dict[str, ThreadChoice] = {}

    @contextmanager
    def running(self, kind: str, size: int, device: torch.device, exact: bool) -> Iterator[None]:
        """Run one forward pass inside the ``with`` block with the best number of threads.

        kind: ``prefill`` or ``decoding``. size: the tokens of a prefill or the rows of a step.
        exact: whether the number of threads may change.
        """
        if device.type != "cpu" or not exact:
            yield
            return
        yield from self._timed(kind, size)

    def _timed(self, kind: str, size: int) -> Iterator[None]:
        import torch

        usual = torch.get_num_threads()
        choice = self._choices.get(kind)
        if choice is None or choice.most != usual:
            choice = self._choices[kind] = ThreadChoice(usual)
        started = perf_counter()
        threads = choice.next_threads(size, started)
        unit = size if kind == "prefill" else 1
        if threads != usual:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            if threads != usual:
                torch.set_num_threads(usual)
        now = perf_counter()
        if choice.record((now - started) / max(unit, 1), now):
            self.messages.append(_message(kind, choice))

    def facts(self) -> dict[str, str]:
        """Kinds of passes that run with fewer threads than usual, for the report."""
        fewer = {k: c for k, c in self._choices.items() if c.threads_used < c.most}
        if not fewer:
            return {}
        said = ", ".join(f"{c.threads_used} of {c.most} for {k}" for k, c in fewer.items())
        return {"threads": f"{said}: more wait for each other"}


def _message(kind: str, choice: ThreadChoice) -> str:
    chosen = f"{choice.threads_used} thread{'s' * (choice.threads_used > 1)}"
    if choice.threads_used == choice.most:
        return f"{kind} with {chosen} again: they no longer wait for each other"
    assert choice.times is not None
    factor = choice.times[1] / choice.times[0]
    return (
        f"{kind} with {chosen} of {choice.most}, which is {factor:.1f} times as fast:"
        " more threads wait for each other"
    )
