"""Two processes on one store share the work: each question is asked once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.exchange import Response, Status
from evalkit.respond import shared
from evalkit.respond.recorder import Recorder
from evalkit.respond.shared import SharedQuestions
from evalkit.store import Claims, Store

ROWS = 30
APP = """
import os, pathlib, re, time
LOG = pathlib.Path(__file__).with_name("log")

def answer(prompt):
    asked = prompt[-1]["content"]
    with LOG.open("a") as stream:
        stream.write(f"{os.getpid()} {asked}\\n")
    time.sleep(float(os.environ.get("SLOW", "0.05")))
    return "3"

def batches(prompts):
    return [answer(prompt) for prompt in prompts]

def judge(prompt):
    answer([{"content": "judge " + re.search("number [0-9]+", prompt[-1]["content"])[0]}])
    return "Rating: 3"
"""
MODELS = """
models:
  app: {backend: callable, model: "app:answer"}
  threads: {backend: callable, model: "app:answer", concurrency: 3}
  lists: {backend: callable, model: "app:batches", batch: true}
  grader: {backend: callable, model: "app:judge"}
judges:
  grader: {model: grader}
"""
SUITE = """
task: qa
data:
  target: answer
  rows:
ROWS
prompts: {plain: "number {{ n }}"}
metrics: [exact_match]
judges:
  - rubric: {name: good, description: Is it good?, scale: {1: bad, 2: fair, 3: good},
             prompt: "number {{ n }} {{ output }}"}
    method: text
gates: [exact_match >= 0]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "evalkit.yaml").write_text(MODELS)
    rows = "\n".join(f"    - {{id: n{i}, n: {i}, answer: '{i % 5}'}}" for i in range(ROWS))
    (tmp_path / "many.eval.yaml").write_text(SUITE.replace("ROWS", rows))
    return tmp_path


def start(folder: Path, name: str, model: str, *more: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "-q", "many.eval.yaml", "--eval-store=s"]
    options = [f"--eval-model={model}", f"--eval-json={name}.json", *more]
    return subprocess.Popen(
        [*command, *options], cwd=folder, env=os.environ | env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def log(folder: Path) -> list[tuple[str, str]]:
    path = folder / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(process, asked) for process, _, asked in (line.partition(" ") for line in lines)]


def wait_for(true: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("model", "workers"), [("app", []), ("threads", []), ("lists", []), ("app", ["-n2"])]
)
def test_each_question_is_asked_by_one_of_two(
    project: Path, model: str, workers: list[str]
) -> None:
    judge = "--eval-judge=grader"
    both = [start(project, name, model, judge, *workers) for name in ("one", "two")]
    printed = [each.communicate(timeout=200)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], printed
    asked = Counter(question for _, question in log(project))
    expected = {f"{who}number {i}" for who in ("", "judge ") for i in range(ROWS)}
    assert asked == Counter(expected)
    one, two = (json.loads((project / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["cells"][0]["scores"] == two["cells"][0]["scores"]
    assert one["cells"][0]["cached"] + two["cells"][0]["cached"] >= ROWS


def test_both_take_part_in_the_work(project: Path) -> None:
    first = start(project, "one", "app", SLOW="4")
    wait_for(lambda: len(log(project)) > 0)
    second = start(project, "two", "app", SLOW="0.01")
    assert (first.wait(200), second.wait(200)) == (0, 0)
    shares = Counter(process for process, _ in log(project))
    assert sum(shares.values()) == ROWS
    assert len(shares) == 2


@pytest.mark.parametrize("model", ["app", "lists"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_the_other_takes_over_when_one_ends(project: Path, model: str, end: signal.Signals) -> None:
    first = start(project, "one", model, SLOW="3")
    wait_for(lambda: len(log(project)) > 0)
    second = start(project, "two", model, SLOW="0")
    wait_for(lambda: len(log(project)) > 2 if model == "app" else waits(second))
    first.send_signal(end)
    first.wait(90)
    assert second.wait(90) == 0
    asked = log(project)
    again = [question for question, times in Counter(q for _, q in asked).items() if times > 1]
    assert {question for _, question in asked} == {f"number {i}" for i in range(ROWS)}
    # The call in flight: one question, or a list of which no answer has come.
    assert len(again) <= (1 if model == "app" else sum(p == str(first.pid) for p, _ in asked))


def waits(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return any("another process on this store is making" in line for line in process.stdout)


# in one process


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


KEYS = [str(i) for i in range(10)]


def test_claims_are_exclusive_and_end(store: Store) -> None:
    one, other = Claims(store), Claims(store)
    store.add_responses("r", [("0", Response(Status.OK))])
    assert one.take(KEYS[:5]) == (KEYS[1:5], {"0"}, [])
    assert other.take(KEYS) == (KEYS[5:], {"0"}, KEYS[1:5])
    one.release(["1"])
    assert other.take(KEYS[:5]) == (["1"], {"0"}, KEYS[2:5])
    one.close()
    assert other.take(KEYS[:5]).mine == KEYS[1:5]
    other.close()
    assert store.rows("SELECT count(*) FROM claims") == [(0,)]
    assert store.rows("SELECT count(*) FROM claimants") == [(0,)]


def test_claims_of_a_machine_that_is_gone_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    one, other = Claims(store), Claims(store)
    one.take(KEYS)
    store.change("UPDATE claimants SET host = 'elsewhere', pid = 1")
    assert other.take(KEYS).mine == []
    now[0] += 59
    store.change("UPDATE claimants SET beat = beat + 1 WHERE host = 'elsewhere'")
    assert other.take(KEYS).mine == []
    now[0] += 59
    assert other.take(KEYS).mine == []
    now[0] += 2
    assert other.take(KEYS).mine == KEYS


def test_nobody_waits_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a process that lives and does nothing."""
    monkeypatch.setattr(shared, "POLL", 0.01)
    monkeypatch.setattr(shared, "PATIENCE", 0.1)
    Claims(store).take(KEYS)
    with Recorder(store, "r") as recorder:
        questions = SharedQuestions(recorder, KEYS)
        taken = [key for _ in questions.rounds() for key in questions.take_all()]
    assert taken == KEYS


def test_a_response_that_failed_elsewhere_is_requested_here(store: Store) -> None:
    """An error is not stored, and the claim to it ends at once."""
    with Recorder(store, "r") as one, Recorder(store, "r") as other:
        one.claim(KEYS)
        failed = [(key, Response(Status.ERROR, error="no")) for key in KEYS[:2]]
        one.add([*failed, ("2", Response(Status.OK))])
        one.flush()
        assert other.claim(KEYS) == (KEYS[:2], {"2"}, KEYS[3:])


def test_the_first_response_to_a_request_stands(store: Store) -> None:
    store.add_responses("r", [("0", Response(Status.OK, "first"))])
    store.add_responses("s", [("0", Response(Status.OK, "second"))])
    assert store.responses(["0"])["0"].text == "first"
