"""The progress of a run: share done, speed, time left, model and suite.

On a terminal rich redraws one line; elsewhere (a file, a pipeline's log) a plain line is written
now and then.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

_BAR = 12
"""Characters of the bar."""


class TerminalProgress:
    """Draws progress on a terminal, or writes a line now and then elsewhere.

    live: whether ``stream`` is a terminal. width: of the terminal; default: detected. every:
    seconds between lines if it is not a terminal.
    """

    def __init__(
        self, stream: TextIO, *, live: bool, width: int | None = None, every: float = 10.0
    ) -> None:
        self._stream = stream
        self._live = live
        self._width = width
        self._every = 0.2 if live else every
        self._bar: Progress | None = None
        self._asked_at = 0.0
        self._drawn_at = 0.0
        self._where = ""
        self._total = self._done = self._tokens = 0
        self._work = self._worked = 0.0
        self._busy = 0.0

    @classmethod
    def on(cls, stream: TextIO) -> TerminalProgress:
        """Progress on a stream such as ``sys.stderr``."""
        return cls(stream, live=stream.isatty() and os.environ.get("TERM") != "dumb")

    def start(self, cells: int, requests: int, cached: int, work: float) -> None:
        """Report the number of requests, and how many are cached."""
        self._total, self._work = requests - cached, work
        known = f", {cached:,} of them from the cache" if cached else ""
        self._line(f"evalkit: {cells} cells, {requests:,} requests{known}")
        self._drawn_at = monotonic()

    def loading(self, model: str) -> None:
        """Report that a model is loading."""
        self._line(f"evalkit: loading {model} …")

    def cell(self, suite: str, model: str, prompt: str) -> None:
        """Name the cell in the lines that follow."""
        self._where = f"{suite} {model}/{prompt}"
        self._asked_at = monotonic()

    def judge(self, name: str, requests: int, cached: int, work: float) -> None:
        """Report the requests to a judge; the progress line restarts."""
        self._total, self._work = requests - cached, work
        self._done = self._tokens = 0
        self._worked = self._busy = 0.0
        known = f", {cached:,} of them from the cache" if cached else ""
        self._line(f"evalkit: judge {name}, {requests:,} requests{known}")
        self._where = f"judge {name}"
        self._drawn_at = self._asked_at = monotonic()

    def advance(self, requests: int, work: float, tokens: int) -> None:
        """Count a batch and draw the line when it is time."""
        now = monotonic()
        self._busy += now - self._asked_at
        self._asked_at = now
        self._done += requests
        self._worked += work
        self._tokens += tokens
        if self._due(now, self._done == self._total):
            counted = f"{self._done:,}/{self._total:,}"
            speed = self._tokens / self._busy if self._busy else 0.0
            left = _left(self._busy, self._worked, self._work)
            self._show(
                counted, self._done / self._total if self._total else 1.0,
                f"{speed:,.0f} tokens/s" if speed else "", left,
            )  # fmt: skip

    def waiting(self, requests: int) -> None:
        """Report the requests that another process is making on the same store."""
        many = f"{requests:,} requests" if requests != 1 else "1 request"
        self._line(f"evalkit: another process on this store is making {many}; waiting for it")

    def tests(self, done: int, total: int) -> None:
        """Count the programs that were run with their tests; draw the line when it is time."""
        if self._due(monotonic(), done == total):
            self._show(f"tests of {done:,}/{total:,} answers run", done / total)

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Print other output on lines of its own, above the progress line."""
        if self._live:
            self._begin()
        try:
            yield
        finally:
            self.finish()

    def finish(self) -> None:
        """Leave the terminal on a fresh line."""
        if self._bar is None:
            return
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # a line without its end
        self._bar.stop()
        self._bar = None

    def _due(self, now: float, last: bool) -> bool:
        if now - self._drawn_at < self._every and not last:
            return False
        self._drawn_at = now
        return True

    def _show(self, counted: str, share: float, *more: str) -> None:
        begun = f"evalkit: {counted} ({share:.0%})"
        rest = "  ".join(text for text in (*more, self._where) if text)
        if not self._live:
            self._stream.write(f"{begun}  {rest}"[: self._width or 100].rstrip() + "\n")
            self._stream.flush()
            return
        bar = self._begin()
        if not bar.tasks:
            bar.add_task("", total=1.0, begun=begun, rest=rest)
        bar.update(bar.tasks[0].id, completed=share, begun=begun, rest=rest, refresh=True)

    def _line(self, text: str) -> None:
        if self._live:
            self._begin().console.print(text)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def _begin(self) -> Progress:
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
            auto_refresh=False,  # no thread beside those of models and servers
            expand=True,
            transient=True,
            # Output to a file or a pipe is not redirected.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )  # fmt: skip
        self._bar.start()
        return self._bar


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
