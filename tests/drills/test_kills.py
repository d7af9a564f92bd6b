"""Runs that are killed or interrupted at random moments lose at most a second of answers.

A chain of runs on one store is killed again and again until a run reaches the end. Every response
is then stored once, the scores equal those of an undisturbed run, and what was asked twice was
answered within a second before a kill or was in flight.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.project import Project
from tests.drills.tally import Tally

ROWS, SLOW = 400, 0.008
LOST = 1.0
"""Seconds of answers that a kill may cost."""
BUSY = 1.0
"""Seconds that a busy machine may add before the thread that stores gets its turn."""


def wait_for_call(project: Project, calls: int, running: object) -> None:
    """Wait until the application was called again, or the run has ended."""
    end = time.monotonic() + 60
    while len(project.log()) <= calls and time.monotonic() < end:
        if running.poll() is not None:  # type: ignore[attr-defined]
            return
        time.sleep(0.005)


def chain(
    project: Project, end: signal.Signals, rng: random.Random, kills: int, **env: str
) -> Iterator[tuple[float, int]]:
    """Kill runs until there were so many kills or a run ends; yields when, and its status."""
    for _ in range(kills):
        calls = len(project.log())
        running = project.start(SLOW=str(SLOW), **env)
        if rng.random() < 0.9:  # else while it starts
            wait_for_call(project, calls, running)
        time.sleep(rng.uniform(0.0, 1.2))
        at = time.time()
        running.send_signal(end)
        status = running.wait(60)
        yield at, status
        if status == 0:
            return


def asked_twice(project: Project, kills: list[float]) -> list[tuple[int, float]]:
    """Questions that were asked again after they were answered: which, and how long before the
    kill their answer came."""
    ended: dict[int, float] = {}
    lost = []
    for kind, number, at in project.log():
        if kind == "begin" and number in ended:
            kill = next((k for k in kills if k >= ended[number]), float("inf"))
            lost.append((number, kill - ended[number]))
        if kind == "end":
            ended[number] = at
    return lost


def check_whole(project: Project) -> None:
    """The last run ends well, and the store and its scores are those of an undisturbed run."""
    assert project.start("--eval-json=after.json").wait(120) == 0, project.output()[-2000:]
    with sqlite3.connect(project.folder / "store" / "store.sqlite") as db:
        (stored, distinct) = db.execute(
            "SELECT count(*), count(DISTINCT key) FROM responses"
        ).fetchone()
        assert stored == distinct == ROWS
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    undisturbed = project.start("--eval-json=whole.json", store="whole")
    assert undisturbed.wait(120) == 0
    one, other = project.cell("after.json"), project.cell("whole.json")
    for what in ("scores", "gates", "statuses", "n"):
        assert one[what] == other[what]
    _, *tracebacks = project.output().split("Traceback (most recent call last)")
    assert [text for text in tracebacks if not while_python_starts(text)] == []


def while_python_starts(traceback: str) -> bool:
    """Whether Ctrl-C came before pytest runs, while Python imports its modules."""
    importing = "<frozen importlib" in traceback or "_get_module_details" in traceback
    return importing and "KeyboardInterrupt" in traceback


@pytest.mark.parametrize(
    "end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name
)
@pytest.mark.parametrize("concurrency", [1, 8])
def test_chains_of_interrupted_runs(
    tmp_path: Path, tally: Tally, full: bool, end: signal.Signals, concurrency: int
) -> None:
    rng = random.Random(f"{end.name} {concurrency}")
    left = 34 if full else 2
    kind = f"{end.name} at a random moment"
    number = 0
    while left > 0:
        number += 1
        options = f", concurrency: {concurrency}" if concurrency > 1 else ""
        project = Project.make(tmp_path / f"chain{number}", ROWS, options)
        kills: list[float] = []
        before = 0
        for at, status in chain(project, end, rng, left):
            kills.append(at)
            left -= 1
            lost = asked_twice(project, kills)
            # after SIGINT and SIGTERM, what was answered is written first
            allowed = LOST + BUSY if end is signal.SIGKILL else BUSY
            late = [(n, s) for n, s in lost[before:] if s > allowed]
            before = len(lost)
            tally.tried(kind, not late)
            assert not late, f"answered long before the kill, and asked again: {late}"
            assert status != 1, project.output()[-3000:]
            assert status != 0 or end is not signal.SIGKILL or project.log(), "a killed run passed"
        with tally.attempt("chains of interrupted runs: each response once, equal scores"):
            check_whole(project)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=lambda s: s.name)
def test_a_slow_call_holds_up_no_other(tmp_path: Path, tally: Tally, end: signal.Signals) -> None:
    """Eight calls at a time, of which the first takes minutes: the others are stored meanwhile."""
    with tally.attempt(f"{end.name} while one call is stuck"):
        project = Project.make(tmp_path, 60, ", concurrency: 8")
        running = project.start(SLOW="0.02", FIRST="600")
        deadline = time.monotonic() + 90
        while len([1 for kind, *_ in project.log() if kind == "end"]) < 59:
            assert time.monotonic() < deadline, project.output()[-2000:]
            time.sleep(0.05)
        time.sleep(LOST + BUSY)
        running.send_signal(end)
        try:
            running.wait(30)
        finally:
            running.kill()
        calls = len(project.log())
        assert project.start(SLOW="0.02").wait(120) == 0
        again = {n for kind, n, _ in project.log()[calls:] if kind == "begin"}
        assert again == {0}
