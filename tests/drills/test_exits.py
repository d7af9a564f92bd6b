"""No exit status is false: what is done, in which way, and the status that is documented for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.drills.tally import Tally

APP = """
import os, sys, pytest

CAPITALS = {"France": "Paris", "Spain": "Madrid", "Japan": "Tokyo", "Korea": "Seoul"}

def right(prompt): return CAPITALS[prompt[-1]["content"].split()[-1]]
def wrong(prompt): return "Rome"
def half(prompt):
    return "Rome" if right(prompt) in ("Seoul", "Tokyo") else right(prompt)
def empty(prompt): return ""
def breaks(prompt): raise RuntimeError("out of order")
def breaks_once(prompt):
    if "Korea" in str(prompt): raise RuntimeError("out of order")
    return right(prompt)
def skips(prompt): pytest.skip("not today")
def fails(prompt): pytest.fail("no")
def leaves(prompt): pytest.exit("enough", 0)
def ends(prompt): os._exit(0)
def exits(prompt): sys.exit(0)
def interrupts(prompt): raise KeyboardInterrupt
def stops(prompt): raise StopIteration
def recurses(prompt): return recurses(prompt)
def number(prompt): return 42
def nothing(prompt): return None
"""
MODELS = [line.split("(")[0][4:] for line in APP.splitlines() if line.startswith("def ")]
ROWS = """
  target: answer
  rows:
    - {id: fr, question: capital of France, answer: Paris}
    - {id: es, question: capital of Spain, answer: Madrid}
    - {id: jp, question: capital of Japan, answer: Tokyo}
    - {id: kr, question: capital of Korea, answer: Seoul}
"""
SUITE = f'task: qa\ndata:{ROWS}prompts: {{plain: "{{{{ question }}}}"}}\nmetrics: [exact_match]\n'
SUITES = {
    "gated": "gates: [exact_match >= 0.6]\n",
    "ungated": "",
    "sure": "gates:\n  - {metric: exact_match, min: 0.5, confidence: 0.95}\n",
    "against": "gates: [exact_match >= baseline - 0.1]\n",
    "itself": "gates: [exact_match >= half/plain]\n",
    "checked": "gates: [exact_match >= 0.1]\nchecks: [max_words: 3]\n",
}
BROKEN = {
    "misspelt-key": "gatez: [exact_match >= 0.6]\n",
    "misspelt-metric": "gates: [exactmatch >= 0.6]\n",
    "bad-rule": "gates: [exact_match is good]\n",
}


class Case(NamedTuple):
    """What is done, and its status. named: what the output must name, "" for nothing."""

    arguments: str
    status: int
    named: str = ""


GOOD, BAD, INVALID, USAGE, NOTHING = 0, 1, 2, 4, 5
BY_MODEL = {
    "right": GOOD, "wrong": BAD, "half": BAD, "empty": BAD, "breaks": BAD, "breaks_once": BAD,
    "skips": BAD, "fails": BAD, "leaves": BAD, "exits": BAD, "stops": BAD, "recurses": BAD,
    "number": BAD, "nothing": BAD,
}  # fmt: skip
"""The status of the gated suite. ``ends`` and ``interrupts`` are cases of their own."""
WAYS = ("", "-x", "--eval-no-cache", "--eval-report=r.html", "-n 2", "--maxfail=1 -rA")


def cases() -> dict[str, Case]:
    found = {
        f"{model} {way}".strip(): Case(f"gated.eval.yaml --eval-model={model} {way}", status)
        for model, status in BY_MODEL.items()
        for way in WAYS
    }
    more = {
        "a model that ends the process": Case("gated.eval.yaml --eval-model=ends", -1),
        "a model that ends a worker": Case("gated.eval.yaml --eval-model=ends -n 2", -1),
        "a model that ends the process, no gates": Case("ungated.eval.yaml --eval-model=ends", -1),
        "Ctrl-C": Case("gated.eval.yaml --eval-model=interrupts", 2),
        "no gates, all right": Case("ungated.eval.yaml --eval-model=right", GOOD),
        "no gates, all wrong": Case("ungated.eval.yaml --eval-model=wrong", GOOD),
        "no gates, errors": Case("ungated.eval.yaml --eval-model=breaks", BAD),
        "no gates, skips": Case("ungated.eval.yaml --eval-model=skips", BAD),
        "inconclusive": Case("sure.eval.yaml --eval-model=half", BAD, "inconclusive"),
        "inconclusive, and that warns": Case(
            "sure.eval.yaml --eval-model=half --eval-inconclusive=warn", GOOD),
        "fails where inconclusive warns": Case(
            "sure.eval.yaml --eval-model=wrong --eval-inconclusive=warn", BAD),
        "a gate of a cell on itself": Case("itself.eval.yaml --eval-model=half", BAD),
        "a gate on another cell": Case(
            "itself.eval.yaml --eval-model=half --eval-model=right", GOOD),
        "a baseline without a name": Case("against.eval.yaml --eval-model=right", BAD, "baseline"),
        "a baseline that is missing": Case(
            "against.eval.yaml --eval-model=right --eval-baseline=nowhere.json", BAD, "nowhere"),
        "checks that pass": Case("checked.eval.yaml --eval-model=right", GOOD),
        "a misspelt key": Case("misspelt-key.eval.yaml --eval-model=right", INVALID, "gatez"),
        "a misspelt metric": Case("misspelt-metric.eval.yaml --eval-model=right", INVALID,
                                  "exactmatch"),
        "a bad rule": Case("bad-rule.eval.yaml --eval-model=right", INVALID),
        "a good suite and a bad one": Case(
            "gated.eval.yaml bad-rule.eval.yaml --eval-model=right", INVALID),
        "a suite that is missing": Case("nowhere.eval.yaml", USAGE, "nowhere"),
        "an option that is unknown": Case("gated.eval.yaml --eval-modle=right", USAGE),
        "a model that is misspelt": Case("gated.eval.yaml --eval-model=rihgt", 2, "rihgt"),
        "a model that is misspelt, in workers": Case(
            "gated.eval.yaml --eval-model=rihgt -n 2", 2, "rihgt"),
        "nothing selected": Case("gated.eval.yaml --eval-model=right -k nothing", NOTHING),
        "one gate selected": Case("gated.eval.yaml --eval-model=right -k exact_match", GOOD),
        "only collected": Case("gated.eval.yaml --eval-model=wrong --collect-only", GOOD),
        "good and bad models": Case(
            "gated.eval.yaml --eval-model=right --eval-model=breaks", BAD),
        "a report of another type": Case(
            "gated.eval.yaml --eval-model=right --eval-report=r.pdf", USAGE, "r.pdf"),
        "a report in a folder that is a file": Case(
            "gated.eval.yaml --eval-model=right --eval-report=app.py/r.html", BAD, "app.py"),
        "the same again": Case("gated.eval.yaml --eval-model=right", GOOD),
    }  # fmt: skip
    commands = {
        "evalkit": Case("evalkit", 2),
        "evalkit --version": Case("evalkit --version", GOOD),
        "evalkit an unknown command": Case("evalkit frobnicate", 2),
        "evalkit validate a good suite": Case("evalkit validate gated.eval.yaml", GOOD),
        "evalkit validate a bad one": Case("evalkit validate bad-rule.eval.yaml", 2),
        "evalkit validate a missing one": Case("evalkit validate nowhere.eval.yaml", 2, "nowhere"),
        "evalkit list": Case("evalkit list gated.eval.yaml", GOOD),
        "evalkit runs without a store": Case("evalkit runs --store nowhere", 2, "nowhere"),
        "evalkit report without a store": Case("evalkit report --store nowhere", 2, "nowhere"),
        "evalkit export to another type": Case("evalkit export -o x.docx --store s", 2),
        "evalkit models": Case("evalkit models", GOOD),
        "evalkit models check, good": Case("evalkit models check right", GOOD),
        "evalkit models check, broken": Case("evalkit models check breaks", BAD),
        "evalkit models check, missing": Case("evalkit models check rihgt", 2, "rihgt"),
        "evalkit parity": Case("evalkit parity gated.eval.yaml right half", GOOD),
        "evalkit parity, one breaks": Case("evalkit parity gated.eval.yaml right breaks", BAD),
        "evalkit parity, one is empty": Case("evalkit parity gated.eval.yaml right empty", BAD),
        "evalkit schema": Case("evalkit schema", GOOD),
    }
    return found | more | commands


def project(folder: Path) -> None:
    (folder / "app.py").write_text(APP)
    declared = "\n".join(f"  {m}: {{backend: callable, model: 'app:{m}'}}" for m in MODELS)
    (folder / "evalkit.yaml").write_text(f"models:\n{declared}\n")
    for name, rest in (SUITES | BROKEN).items():
        (folder / f"{name}.eval.yaml").write_text(SUITE + rest)


def call(arguments: str, folder: Path) -> tuple[int, str]:
    """Exit status and output."""
    words = arguments.split()
    if words[0] == "evalkit":
        command = [sys.executable, "-m", "evalkit.cli", *words[1:]]
    else:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p",
                   "no:langsmith_plugin", "-p", "no:hypothesispytest", *words]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


CASES = cases()
PART = 12
"""A short run takes every ninth case."""
ALWAYS = {"a model that ends the process", "skips", "no gates, skips", "a gate of a cell on itself"}


def some(full: Callable[[], bool]) -> list[str]:
    return [n for i, n in enumerate(CASES) if full() or i % PART == 0 or n in ALWAYS]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    from tests.drills.tally import full

    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", some(full))


def test_an_exit_status(case: str, tmp_path: Path, tally: Tally) -> None:
    with tally.attempt("exit statuses"):
        project(tmp_path)
        arguments, expected, named = CASES[case]
        status, said = call(arguments, tmp_path)
        if expected == -1:  # any but success
            assert status != 0, said[-2000:]
        else:
            assert status == expected, f"{status}, not {expected}: {said[-2000:]}"
        assert named in said
        assert "INTERNALERROR" not in said, said[-2000:]


def test_the_table_is_long() -> None:
    assert len(CASES) >= 108
