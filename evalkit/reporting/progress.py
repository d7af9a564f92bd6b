"""The progress of a run: share done, speed, time left, model and suite.

On a terminal rich redraws one line; elsewhere (a file, a pipeline's log) a plain line is written
now and then. A thread does it, so that a long batch, a slow server or a metric is no silence.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, TextIO

from evalkit.models.base import InProgress
from evalkit.written.printable import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

_BAR = 12
"""Characters of the bar."""

LIVE_EVERY, LIVE_HEARTBEAT = 0.2, 1.0
"""Seconds between two drawings on a terminal: at least when batches arrive, at most otherwise."""

HEARTBEAT = 9.0
"""Seconds between lines elsewhere: at most ten pass, even if the machine is busy."""

SILENCE = 9.0
"""Seconds after which a line says how long there has been no response."""


class TerminalProgress:
    """Draws progress on a terminal, or writes a line now and then elsewhere.

    live: whether ``stream`` is a terminal. width: of the terminal; default: detected. every:
    seconds between lines if it is not a terminal. sparse: write nothing before that time passed.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        live: bool,
        width: int | None = None,
        every: float = HEARTBEAT,
        sparse: bool = False,
    ) -> None:
        self._stream = stream
        self._sparse = sparse
        self._live = live
        self._width = width
        self._every = LIVE_EVERY if live else every
        self._heartbeat = LIVE_HEARTBEAT if live else every
        self._bar: Progress | None = None
        self._drawn_at = 0.0
        self._tally = _Tally()
        self._doing = ""
        self._since = 0.0
        self._report: Callable[[], InProgress] | None = None
        self._reported = 0
        self._lock = threading.RLock()
        self._heart: _Heart | None = None

    @classmethod
    def on(cls, stream: TextIO) -> TerminalProgress:
        """Progress on a stream such as ``sys.stderr``."""
        return cls(stream, live=stream.isatty() and os.environ.get("TERM") != "dumb")

    def start(self, cells: int, requests: int, cached: int, work: float) -> None:
        """Report the number of requests, and how many are cached."""
        with self._lock:
            self._tally = _Tally(requests - cached, work)
            known = f", {cached:,} of them from the cache" if cached else ""
            self._line(f"evalkit: {cells} cells, {requests:,} requests{known}")

    def loading(self, model: str) -> None:
        """Report that a model is loading."""
        with self._lock:
            self._line(f"evalkit: loading {model} …")
            self._begin(f"loading {model}")

    def working(self, what: str) -> None:
        """Report other work, but only if it takes long."""
        with self._lock:
            self._begin(what)

    def cell(self, suite: str, model: str, prompt: str) -> None:
        """Name the cell in the lines that follow."""
        with self._lock:
            self._begin("")
            self._tally.resume(one_line(f"{suite} {model}/{prompt}"))

    def judge(self, name: str, requests: int, cached: int, work: float) -> None:
        """Report the requests to a judge; the progress line restarts."""
        with self._lock:
            self._begin("")
            self._tally = _Tally(requests - cached, work)
            self._tally.resume(one_line(f"judge {name}"))
            known = f", {cached:,} of them from the cache" if cached else ""
            self._line(f"evalkit: judge {name}, {requests:,} requests{known}")

    def watch(self, report: Callable[[], InProgress] | None) -> None:
        """A model starts to answer. report: what it computes between responses, if it says so."""
        with self._lock:
            self._say_messages()
            if report != self._report:  # equal for one model: bound methods compare by their object
                self._reported = len(report().messages) if report else 0
            self._report = report
            self._begin("")
            self._tally.resume(self._tally.where)

    def advance(self, requests: int, work: float, tokens: int) -> None:
        """Count a batch and draw the line when it is time."""
        with self._lock:
            self._tally.advance(requests, work, tokens)
            self._doing = ""
            if self._due(monotonic(), self._tally.done == self._tally.total):
                self._show_tally()

    def waiting(self, requests: int) -> None:
        """Report the requests that another process is making on the same store."""
        many = f"{requests:,} requests" if requests != 1 else "1 request"
        with self._lock:
            self._line(f"evalkit: another process on this store is making {many}; waiting for it")
            self._begin("waiting for another process on this store")

    def tests(self, done: int, total: int) -> None:
        """Count the programs that were run with their tests; draw the line when it is time."""
        with self._lock:
            if not self._doing.startswith("tests of"):
                self._begin("tests of")
            self._doing = f"tests of {done:,}/{total:,} answers run"
            if self._due(monotonic(), done == total):
                self._show(f"{self._doing} ({done / total:.0%})", done / total, self._tally.where)

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Print other output on lines of its own, above the progress line."""
        if self._live:
            self._begin_line()
        try:
            yield
        finally:
            self.finish()

    def finish(self) -> None:
        """Leave the terminal on a fresh line."""
        heart, self._heart = self._heart, None
        if heart is not None:
            heart.stop()
        with self._lock:
            self._say_messages()
            self._report, self._reported = None, 0
            if self._bar is None:
                return
            for stream in (sys.stdout, sys.stderr):
                stream.flush()  # a line without its end
            self._bar.stop()
            self._bar = None

    def beat(self) -> float:
        """Draw the line if none was drawn for a while; returns the seconds until the next beat."""
        with self._lock:
            now = monotonic()
            self._say_messages()
            if now - self._drawn_at < self._heartbeat:
                return self._drawn_at + self._heartbeat - now
            self._drawn_at = now
            if self._doing:
                passed = duration(now - self._since)
                self._show(f"{self._doing} … {passed}", self._tally.share)
            elif self._tally.where:
                self._show_tally()
            return self._heartbeat

    def _begin(self, doing: str) -> None:
        """Work begins. doing: "" for requests."""
        self._doing, self._since = doing, monotonic()
        if self._heart is None:
            self._drawn_at = self._since
            self._heart = _Heart(self.beat, self._heartbeat)

    def _say_messages(self) -> None:
        if self._report is None:
            return
        for message in self._report().messages[self._reported :]:
            self._reported += 1
            self._line(f"evalkit: {message}")

    def _show_tally(self) -> None:
        tokens = self._report().tokens if self._report else 0
        counted = f"{self._tally.counted} ({self._tally.share:.0%})"
        self._show(counted, self._tally.share, *self._tally.details(tokens))

    def _due(self, now: float, last: bool) -> bool:
        if now - self._drawn_at < self._every and (self._sparse or not last):
            return False
        self._drawn_at = now
        return True

    def _show(self, counted: str, share: float, *more: str) -> None:
        begun = f"evalkit: {counted}"
        rest = "  ".join(text for text in more if text)
        if not self._live:
            self._stream.write(f"{begun}  {rest}"[: self._width or 100].rstrip() + "\n")
            self._stream.flush()
            return
        bar = self._begin_line()
        if not bar.tasks:
            bar.add_task("", total=1.0, begun=begun, rest=rest)
        bar.update(bar.tasks[0].id, completed=share, begun=begun, rest=rest, refresh=True)

    def _line(self, text: str) -> None:
        text = one_line(text)
        if self._sparse:
            return
        self._drawn_at = monotonic()
        if self._live:
            self._begin_line().console.print(text)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def _begin_line(self) -> Progress:
        """The progress line; until it ends, rich prints other output above it."""
        if self._bar is not None:
            return self._bar
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        console = Console(
            file=self._stream, width=self._width, force_terminal=True, soft_wrap=True,
            markup=False, highlight=False, emoji=False,
        )  # fmt: skip
        self._bar = Progress(
            TextColumn("{task.fields[begun]}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(_BAR, table_column=Column(no_wrap=True)),
            TextColumn(
                "{task.fields[rest]}", markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=console,
            auto_refresh=False,  # the heartbeat does it
            expand=True,
            transient=True,
            # Output to a file or a pipe is not redirected.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )  # fmt: skip
        self._bar.start()
        return self._bar


class _Tally:
    """Requests, work and tokens that are done, and the time they took."""

    def __init__(self, total: int = 0, work: float = 0.0) -> None:
        self.total, self.done, self.where = total, 0, ""
        self._work, self._worked = work, 0.0
        self._tokens = 0
        self._busy = 0.0
        self._since = monotonic()

    def resume(self, where: str) -> None:
        """Requests are sent from now on; other work does not count for the speed.

        where: the cell or the judge.
        """
        self.where = where
        self._since = monotonic()

    def advance(self, requests: int, work: float, tokens: int) -> None:
        """Count a batch."""
        now = monotonic()
        self._busy += now - self._since
        self._since = now
        self.done += requests
        self._worked += work
        self._tokens += tokens

    @property
    def share(self) -> float:
        """The fraction of the requests that is done."""
        return self.done / self.total if self.total else 1.0

    @property
    def counted(self) -> str:
        """``12/100``."""
        return f"{self.done:,}/{self.total:,}"

    def details(self, in_progress: int) -> Iterator[str]:
        """Tokens, speed, time left and place. in_progress: tokens of no response yet."""
        silent = monotonic() - self._since
        busy, tokens = self._busy + silent, self._tokens + in_progress
        if tokens:
            yield f"{tokens:,} tokens, {tokens / busy if busy else 0:,.0f}/s"
        if silent >= SILENCE and self.done < self.total:
            yield f"no response for {duration(silent)}"
        else:
            yield _left(busy, self._worked, self._work)
        yield self.where


class _Heart:
    """A thread that calls ``beat`` again and again until ``stop``.

    beat: returns the seconds until the next call. first: seconds until the first one.
    """

    def __init__(self, beat: Callable[[], float], first: float) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(beat, first), name="evalkit-progress", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop, after the line that is being drawn."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self, beat: Callable[[], float], wait: float) -> None:
        while not self._stopped.wait(max(wait, LIVE_EVERY)):
            try:
                wait = beat()
            except (OSError, ValueError):  # the stream is gone: the run goes on without a line
                return


def _left(busy: float, worked: float, work: float) -> str:
    if worked < 0.02 * work or worked >= work:  # the first batches are not representative
        return ""
    return f"{duration(busy * (work - worked) / worked)} left"


def duration(seconds: float) -> str:
    """``3 s``, ``2 min 05 s``, ``1 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
