"""A run is never silent for ten seconds, and says nothing more when it is fast."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import pytest

from evalkit.models.base import InProgress
from evalkit.reporting import progress as module
from evalkit.reporting.progress import HEARTBEAT, TerminalProgress

Log = io.StringIO


@pytest.fixture
def log() -> Log:
    """A pipeline's log."""
    return Log()


def begun(log: Log, *, every: float = 0.3, sparse: bool = False) -> TerminalProgress:
    progress = TerminalProgress(log, live=False, every=every, sparse=sparse)
    progress.start(1, 10, 0, 10.0)
    progress.cell("s", "m", "p")
    return progress


def wait_for(log: Log, pattern: str) -> str:
    """The first line that matches."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for line in log.getvalue().splitlines():
            if re.search(pattern, line):
                return line
        time.sleep(0.02)
    raise AssertionError(f"no line matches {pattern!r}: {log.getvalue()}")


def test_at_most_ten_seconds_pass() -> None:
    assert HEARTBEAT < 10


def test_a_long_batch_is_no_silence(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.1)
    progress = begun(log)
    computed = iter(range(100, 10_000, 100))
    progress.watch(lambda: InProgress(next(computed)))
    line = wait_for(log, "tokens")
    progress.finish()
    assert re.fullmatch(
        r"evalkit: 0/10 \(0%\)  \d00 tokens, [\d,]+/s  no response for 0 s  s m/p", line
    )


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (lambda p: p.loading("big"), r"evalkit: loading big … \d s"),
        (lambda p: p.working("scoring s m/p"), r"evalkit: scoring s m/p … \d s"),
        (lambda p: p.tests(1, 4), r"evalkit: tests of 1/4 answers run … \d s"),
        (lambda p: p.judge("j", 3, 0, 3.0), r"evalkit: 0/3 \(0%\)  judge j"),
    ],
)
def test_every_kind_of_work_has_a_heartbeat(
    log: Log, begin: Callable[[TerminalProgress], None], expected: str
) -> None:
    progress = begun(log)
    begin(progress)
    wait_for(log, expected)
    progress.finish()


def test_lines_keep_coming(log: Log) -> None:
    progress = begun(log, every=0.25)
    progress.working("deciding gates")
    time.sleep(1.5)
    progress.finish()
    beats = log.getvalue().count("deciding gates … ")
    assert 2 <= beats <= 6
    time.sleep(0.5)
    assert log.getvalue().count("deciding gates … ") == beats  # the thread has ended


def test_fast_work_writes_nothing_more(log: Log) -> None:
    progress = begun(log, every=HEARTBEAT)
    for _ in range(10):
        progress.working("scoring s m/p")
        progress.cell("s", "m", "p")
        progress.advance(1, 1.0, 0)
    progress.finish()
    assert len(log.getvalue().splitlines()) == 2  # how many requests there are, and the end


def test_a_sparse_log_is_empty_when_all_is_fast(log: Log) -> None:
    progress = begun(log, every=HEARTBEAT, sparse=True)
    progress.loading("m")
    progress.advance(10, 10.0, 0)
    progress.finish()
    assert log.getvalue() == ""


def test_decisions_of_the_engine_are_written_once(log: Log) -> None:
    progress = begun(log, every=HEARTBEAT)
    messages = ["said to an earlier run"]

    def report() -> InProgress:
        return InProgress(0, messages)

    progress.watch(report)
    messages.append("decoding with 1 thread of 2")
    progress.watch(report)  # the next cell
    progress.finish()
    assert log.getvalue().count("evalkit: decoding with 1 thread of 2") == 1
    assert "earlier" not in log.getvalue()


def test_a_closed_stream_ends_the_heartbeat_and_nothing_else(log: Log) -> None:
    progress = begun(log, every=0.2)
    log.close()
    time.sleep(0.5)
    progress.finish()
