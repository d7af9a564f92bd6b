"""A run that is killed, terminated or interrupted continues."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROWS = 60
APP = """
import os, pathlib, re, time
COUNT = pathlib.Path(os.environ["COUNT"])

def answer(prompt):
    asked = prompt[-1]["content"]
    with COUNT.open("a") as stream:
        stream.write(asked + "\\n")
    time.sleep(60 if asked == os.environ.get("STUCK") else float(os.environ.get("SLOW", "0")))
    with COUNT.with_suffix(".done").open("a") as stream:
        stream.write(asked + "\\n")
    return str(int(asked.split()[-1]) % 7)

def judge(prompt):
    number = int(re.search("number ([0-9]+)", prompt[-1]["content"])[1])
    if number == int(os.environ.get("STUCK_JUDGE", "-1")):
        time.sleep(60)
    with COUNT.with_suffix(".judged").open("a") as stream:
        stream.write(f"number {number}\\n")
    return "yes"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "evalkit.yaml").write_text(
        "models:\n  app: {backend: callable, model: 'app:answer'}\n"
    )
    rows = "\n".join(f"    - {{id: n{i}, n: {i}, answer: '{i % 5}'}}" for i in range(ROWS))
    (tmp_path / "many.eval.yaml").write_text(
        f"task: qa\ndata:\n  target: answer\n  rows:\n{rows}\n"
        "prompts: {plain: 'number {{ n }}'}\nmetrics: [exact_match]\n"
        "gates: [exact_match >= 0.1]\n"
    )
    return tmp_path


def run(folder: Path, *more: str, store: str = "s", **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "many.eval.yaml", f"--eval-store={store}", *more],
        cwd=folder,
        env=os.environ | {"COUNT": str(folder / f"{store}.txt")} | env,
        stdout=subprocess.DEVNULL,
    )


def asked(folder: Path, store: str = "s") -> list[str]:
    log = folder / f"{store}.txt"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_continues(project: Path, end: signal.Signals) -> None:
    whole = run(project, "--eval-json=whole.json", store="whole")
    assert whole.wait(120) == 0

    first = run(project, SLOW="0.06")
    while len(asked(project)) < 40:
        time.sleep(0.01)
    first.send_signal(end)
    assert first.wait(90) not in (0, 1)
    before = asked(project)
    assert len(before) < ROWS

    second = run(project, "--eval-json=resumed.json")
    assert second.wait(120) == 0
    after = asked(project)[len(before) :]
    # What was answered and not yet stored, at most a second of it, and the call in flight.
    assert len(set(before) & set(after)) <= (1 if end == signal.SIGINT else 18)
    assert set(before) | set(after) == {f"number {i}" for i in range(ROWS)}

    one, other = (json.loads((project / f"{n}.json").read_text()) for n in ("whole", "resumed"))
    assert one["cells"][0]["scores"] == other["cells"][0]["scores"]
    assert one["cells"][0]["gates"] == other["cells"][0]["gates"]


def answered(folder: Path, store: str = "s", ending: str = ".done") -> set[str]:
    log = (folder / store).with_suffix(ending)
    return set(log.read_text().splitlines()) if log.exists() else set()


def stored(folder: Path, store: str = "s") -> int:
    path = folder / store / "store.sqlite"
    if not path.exists():
        return 0
    db = sqlite3.connect(path)
    try:
        return int(db.execute("SELECT count(*) FROM responses").fetchone()[0])
    except sqlite3.OperationalError:  # it has no tables yet
        return 0
    finally:
        db.close()


def wait_for(true: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def asked_again(folder: Path, ended: subprocess.Popen[bytes], ending: str = ".done") -> set[str]:
    """The questions that were answered before the process ended, and are asked again."""
    ended.wait(90)
    done = answered(folder, ending=ending)
    (folder / "s").with_suffix(ending).unlink()
    assert run(folder).wait(120) == 0
    return done & answered(folder, ending=ending)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_answers_are_stored_while_a_slow_call_goes_on(project: Path, concurrency: int) -> None:
    """All that were answered before the slow call, or beside it, in the order of completion."""
    declared = f"{{backend: callable, model: 'app:answer', concurrency: {concurrency}}}"
    (project / "evalkit.yaml").write_text(f"models:\n  app: {declared}\n")
    stuck, done = ("number 40", 40) if concurrency == 1 else ("number 0", ROWS - 1)
    first = run(project, STUCK=stuck)
    try:
        wait_for(lambda: len(answered(project)) == done)
        wait_for(lambda: stored(project) == done, seconds=2)  # a second, and a slow machine
    finally:
        first.kill()
    assert asked_again(project, first) == set()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_answered_is_written_before_the_process_ends(
    project: Path, end: signal.Signals
) -> None:
    first = run(project, SLOW="0.02")
    wait_for(lambda: len(asked(project)) >= 40)
    first.send_signal(end)
    assert first.wait(90) == (2 if end == signal.SIGINT else -end)
    before, kept = answered(project), stored(project)
    assert 40 <= len(before) + 1 <= ROWS
    assert len(before) - kept <= 1  # between the function's last line and its caller
    assert len(asked_again(project, first)) <= 1


def test_an_application_that_catches_everything_ends_all_the_same(project: Path) -> None:
    app = APP.replace("    time.sleep(60 if", "    try: time.sleep(60 if").replace(
        '"SLOW", "0")))\n', '"SLOW", "0")))\n    except BaseException: pass\n', 1
    )
    (project / "app.py").write_text(app)
    first = run(project, SLOW="0.05")
    wait_for(lambda: len(asked(project)) >= 10)
    first.terminate()
    assert first.wait(20) == -signal.SIGTERM
    assert len(asked(project)) < ROWS


def test_the_replies_of_a_judge_are_stored_as_they_come(project: Path) -> None:
    rubric = (
        "{name: good, description: Is it good?, scale: {1: bad, 2: fair, 3: good},"
        " prompt: 'number {{ n }} {{ output }}'}"
    )
    with (project / "many.eval.yaml").open("a") as suite:
        suite.write(f"judges:\n  - {{rubric: {rubric}, method: text}}\n")
    (project / "evalkit.yaml").write_text(
        "models:\n  app: {backend: callable, model: 'app:answer'}\n"
        "  grader: {backend: callable, model: 'app:judge', concurrency: 4}\n"
        "judges:\n  grader: {model: grader}\ndefault: [app]\n"
    )
    judge = "--eval-judge=grader"
    first = run(project, judge, STUCK_JUDGE="3")
    try:
        wait_for(lambda: len(answered(project, ending=".judged")) == ROWS - 1)
        wait_for(lambda: stored(project) == 2 * ROWS - 1, seconds=2)
    finally:
        first.kill()
        first.wait()
    (project / "s.judged").unlink()
    assert run(project, judge).wait(120) == 0
    assert answered(project, ending=".judged") == {"number 3"}
