"""``evalkit models``, ``models check`` and ``parity``, with an application as the model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from evalkit.cli import main

SUITE = """\
suite: sums
task: qa
data:
  target: answer
  rows:
    - {id: a, q: 1 + 1, answer: "2"}
    - {id: b, q: 2 + 2, answer: "4"}
    - {id: c, q: 3 + 3, answer: "6"}
    - {id: d, q: 4 + 4, answer: "8"}
prompts: {plain: "{{ q }}"}
metrics: [exact_match]
"""
APP = """\
calls = []

def right(prompt):
    calls.append(prompt)
    a, _, b = prompt[-1]["content"].split()
    return str(int(a) + int(b))

def other(prompt):
    return {"1 + 1": "2", "2 + 2": "5", "3 + 3": "6 "}.get(prompt[-1]["content"], "eight")

def talk(prompt, temperature=0.0, seed=0):
    return f"Paris {seed}" if temperature else "Paris, of course."

def compare(prompt, choices):
    return [-float(len(choice)) for choice in choices]

def broken(prompt):
    raise RuntimeError("out of order")

def partly(prompt):
    return broken(prompt) if prompt[-1]["content"] == "3 + 3" else right(prompt)
"""
PROJECT = """\
default: right
models:
  right: {backend: callable, model: "parity_app:right"}
  other: {backend: callable, model: "parity_app:other"}
  talk: {backend: callable, model: "parity_app:talk", choose: "parity_app:compare"}
  broken: {backend: callable, model: "parity_app:broken"}
  partly: {backend: callable, model: "parity_app:partly"}
  absent: {backend: callable, model: "parity_app:nothing"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "parity_app", raising=False)
    (tmp_path / "sums.eval.yaml").write_text(SUITE)
    (tmp_path / "parity_app.py").write_text(APP)
    (tmp_path / "evalkit.yaml").write_text(PROJECT)
    return tmp_path


def test_models_are_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    rows = {line.split()[0]: line for line in shown.splitlines()[1:] if line}
    assert "(default)" in rows["right"]
    assert "parity_app:other" in rows["other"]
    assert "evalkit.yaml:4" in rows["other"]
    assert "built in" in rows["smollm2"]
    assert "transformers" in rows["backends:"]
    wrong = PROJECT.replace('"parity_app:other"}', '"parity_app:other", sped: 1}')
    (project / "evalkit.yaml").write_text(wrong)
    assert main(["models"]) == 2
    assert "unknown option 'sped'" in capsys.readouterr().err


def test_check_reports_a_models_capabilities(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "check", "talk"]) == 0
    said = {line[:16].strip(): line[16:] for line in capsys.readouterr().out.splitlines()}
    assert said["answer"] == "Paris, of course."
    assert said["choices"] == "yes: log p(Paris) = -5.000, log p(Berlin) = -6.000"
    assert said["seeds"].startswith("yes: equal seeds give equal texts")
    assert main(["models", "check", "right", "--prompt", "2 + 3"]) == 0
    said = {line[:16].strip(): line[16:] for line in capsys.readouterr().out.splitlines()}
    assert said["answer"] == "5"
    assert said["choices"].startswith("no: ")
    assert said["seeds"].startswith("three seeds gave the same text")


@pytest.mark.parametrize(
    ("name", "why"), [("broken", "answer          no: error: "), ("absent", "reached         no: ")]
)
def test_check_of_a_model_that_does_not_answer(
    project: Path, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    assert main(["models", "check", name]) == 1
    assert why in capsys.readouterr().out


def test_parity_counts_differences_and_reuses_answers(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["parity", "right", "other", "--suite", "sums.eval.yaml"]
    assert main([*command, "--json", "p.json", "--markdown", "p.md"]) == 0
    shown = capsys.readouterr().out
    assert "3 of 4 answers differ (75.0%)" in shown
    assert "0 right in B only, 2 right in A only" in shown
    (cell,) = json.loads((project / "p.json").read_text())["parity"]
    assert [d["id"] for d in cell["differences"]] == ["b", "c", "d"]
    assert [d["won"] for d in cell["differences"]] == [False, None, False]
    (score,) = cell["scores"]["scores"]
    assert (score["a"], score["b"], score["difference"]) == (1.0, 0.5, -0.5)
    assert score["low"] <= -0.5 <= score["high"]
    assert "3 of 4 answers differ" in (project / "p.md").read_text()
    asked = len(sys.modules["parity_app"].calls)
    assert asked == 4
    assert main(command) == 0
    assert len(sys.modules["parity_app"].calls) == asked, "known answers are not asked again"
    assert main(["parity", "right", "right", "--suite", "sums.eval.yaml"]) == 2


def test_parity_with_a_model_that_does_not_answer(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["parity", "right", "broken", "--suite", "sums.eval.yaml"]) == 1
    shown = capsys.readouterr().out
    assert "B does not answer: 4 of 4 samples; first a: error: " in shown
    assert "A does not answer" not in shown
    assert main(["parity", "broken", "right", "--suite", "sums.eval.yaml"]) == 1
    assert main(["parity", "right", "partly", "--suite", "sums.eval.yaml"]) == 1
    assert "B does not answer: 1 of 4 samples; first c: error: " in capsys.readouterr().out
    (project / "sums.eval.yaml").write_text(SUITE + "max_errors: 4\n")
    assert main(["parity", "right", "partly", "--suite", "sums.eval.yaml"]) == 0
    assert main(["parity", "right", "broken", "--suite", "sums.eval.yaml"]) == 1


def test_fit(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", f"transformers:{tiny_folder}"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["float32", "bfloat16", "8-bit", "4-bit"]
    assert all(row.split()[-1] in ("yes", "unknown") for row in rows[1:])
    assert main(["fit", "callable:app:answer"]) == 2
    assert "estimates memory only for the transformers backend" in capsys.readouterr().err
