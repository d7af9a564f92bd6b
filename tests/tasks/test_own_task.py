"""A task is one file: in evalkit/tasks/, or in another package behind an entry point."""

from __future__ import annotations

import gzip
import re
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate, tasks
from evalkit.errors import SpecError, UsageError

TOY = '''
"""Say a word backwards."""

from evalkit.answers.extracted import Extracted
from evalkit.tasks import Column, Target, Task


def _reversed(suite, sample, request, response):
    words = response.text.split()
    if len(words) != 1:
        return Extracted(None, f"expected one word, found {len(words)}")
    return Extracted(words[0], "the only word")


def _right(sample, answer):
    return answer.prediction == str(sample.fields["w"])[::-1]


TASK = Task(
    name="backwards",
    summary="a word, last letter first",
    target=Target(required=False),
    columns=(Column("word", "the column with the word to reverse", required=True),),
    extract=_reversed,
    correct=_right,
    metrics=("exact_match", "contains"),
    default_metrics=("characters",),
)
'''

PACKED = re.compile(r">(H4sI[A-Za-z0-9+/=]+)<")
"""The blocks of a report that hold its samples."""
ROWS = [
    {"w": "abc", "answer": "cba"},
    {"w": "no", "answer": "on"},
    {"w": "pan", "answer": "nap"},
    {"w": "hi", "answer": "ih"},
]
SUITE: dict[str, Any] = {
    "suite": "toy",
    "task": "backwards",
    "data": {"rows": ROWS, "word": "w", "target": "answer"},
    "prompt": "Reverse: {{ w }}",
    "repeats": 2,
    "metrics": ["exact_match"],
    "gates": ["exact_match >= 0.5", "exact_match >= 0.9"],
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more file among those of evalkit's tasks."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "backwards.py").write_text(TOY)
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(folder)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("evalkit.tasks.backwards", None)


def answer(prompt: list[dict[str, str]]) -> str:
    word = prompt[-1]["content"].removeprefix("Reverse: ")
    return {"hi": "I do not know", "no": "no"}.get(word, word[::-1])


@pytest.mark.usefixtures("toy")
def test_one_new_file_makes_a_task_run_score_gate_and_show(tmp_path: Path) -> None:
    run = evaluate(SUITE, models={"m": answer})

    assert run.record.cells[0].scores["exact_match"].value == 0.5
    assert [gate.verdict for gate in run.record.cells[0].gates] == ["pass", "fail"]
    samples = run.record.cells[0].samples
    assert [sample.correct for sample in samples] == [True, False, True, False]
    assert [sample.status for sample in samples] == ["ok", "ok", "ok", "unparsed"]
    assert samples[3].answer.explanation == "expected one word, found 4"
    assert "flake_rate" in run.record.cells[0].scores  # its answers are right or wrong
    run.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "backwards" in page
    shown = [gzip.decompress(b64decode(block)).decode() for block in PACKED.findall(page)]
    assert any("expected one word, found 4" in block for block in shown)


@pytest.mark.usefixtures("toy")
def test_default_metrics_are_those_of_the_task() -> None:
    run = evaluate({**SUITE, "metrics": [], "gates": []}, models={"m": answer})
    assert "characters" in run.record.cells[0].scores


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"data": {"rows": ROWS}},
            "data.word: the task backwards needs 'word:' in 'data:', the column with the word to"
            " reverse",
        ),
        (
            {"data": {"rows": ROWS, "wrd": "w"}},
            "data.wrd: unknown key 'wrd'; did you mean 'word'?",
        ),
        (
            {"data": {"rows": ROWS, "word": "wo"}},
            "data.word: unknown column 'wo'; did you mean 'w'?",
        ),
        (
            {"data": {"rows": ROWS, "word": ["w"]}},
            "data.word: expected a text, found a list of 1",
        ),
        (
            {"metrics": ["bleu"]},
            "metric 'bleu' is for 'generation', 'summarisation' or 'translation', not for task"
            " 'backwards'",
        ),
        ({"answer": "choice"}, "and the task backwards has neither"),
        ({"labels": ["a", "b"]}, "the task backwards has no labels"),
        (
            {"task": "qa", "data": {"rows": ROWS, "word": "w", "target": "answer"}},
            "'word' is only for the task backwards",
        ),
        ({"task": "backwrds"}, "unknown task 'backwrds'; did you mean 'backwards'?"),
    ],
)
def test_keys_of_a_custom_task_are_checked(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        evaluate({**SUITE, **change}, models={"m": answer})
    assert said in str(caught.value)


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, target: str, module: str) -> None:
    """A package in a folder that offers a task named ``shouting``."""
    (folder / "others_task.py").write_text(module)
    about = folder / "others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[evalkit.tasks]\nshouting = {target}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "others_task", raising=False)


SHOUTING = """
from evalkit.tasks import Target, Task
TASK = Task(name="shouting", summary="loud", target=Target(required=False), metrics=("contains",))
"""


@pytest.mark.parametrize("target", ["others_task", "others_task:TASK"])
def test_another_package_offers_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    installed(tmp_path, monkeypatch, target, SHOUTING)
    suite = {
        "task": "shouting",
        "data": {"rows": [{"q": "a"}]},
        "prompt": "{{ q }}",
        "metrics": ["length"],
    }
    run = evaluate(suite, models={"m": lambda prompt: "A B"})
    assert run.record.cells[0].scores["length"].value == 2
    assert "shouting" in tasks.names()


@pytest.mark.parametrize(
    ("target", "module", "said"),
    [
        ("others_task:NOTHING", SHOUTING, "cannot be loaded: AttributeError"),
        ("others_task", "1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("others_task", "x = 1", "is not a Task"),
        ("others_task", SHOUTING.replace('"shouting"', '"loud"'), "has the name 'loud'"),
    ],
)
def test_a_task_that_cannot_be_loaded_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, module: str, said: str
) -> None:
    installed(tmp_path, monkeypatch, target, module)
    with pytest.raises(UsageError, match=said):
        tasks.find("shouting")


def test_every_task_has_a_summary() -> None:
    for task in tasks.every():
        assert tasks.find(task.name) is task
        assert task.summary
        assert set(task.default_metrics) <= {*task.metrics, "length"}
        if isinstance(task.correct, str):
            assert task.correct in task.metrics
