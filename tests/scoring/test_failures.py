"""A metric that raises leaves only its own scores undefined, with a note."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, evaluate
from evalkit.metrics import build, qa, translation
from evalkit.metrics.base import Score
from evalkit.metrics.catalogue import METRICS
from evalkit.scoring.measure import score_record

ROWS = [{"id": f"q{i}", "q": f"question {i}", "a": "yes"} for i in range(20)]


def suite(**more: Any) -> dict[str, Any]:
    return {
        "suite": "s",
        "task": "qa",
        "data": {"rows": ROWS, "target": "a"},
        "prompts": {"p": "{{q}}"},
        "metrics": ["contains", "token_f1"],
        "gates": ["contains >= 0.5", "token_f1 >= 0.5"],
        **more,
    }


def yes(prompt: Any) -> str:
    return "poison" if "question 13" in str(prompt) else "yes"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    return lambda declared: evaluate(declared, {"m": yes}, root=tmp_path, cache=False)


def poisoned(answer: str, reference: str) -> float:
    if answer == "poison":
        raise ZeroDivisionError("nothing to divide by")
    return 1.0


@pytest.mark.parametrize("more", [{}, {"repeats": 2}, {"data": {"rows": ROWS, "target": "a",
                                                               "cluster": "a"}}])  # fmt: skip
def test_a_failed_metric_says_why_and_others_continue(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    monkeypatch.setattr(qa, "_overlap", poisoned)
    made = run(suite(**more))
    assert made.record.status == "finished"
    (cell,) = made.record.cells
    failed = cell.scores["token_f1"]
    assert failed.value is None
    assert failed.no_value == "failed"
    assert failed.note == "failed at sample q13: ZeroDivisionError: nothing to divide by"
    assert cell.scores["contains"].value == pytest.approx(19 / 20)
    good, bad = cell.gates
    assert good.verdict == "pass"
    assert bad.verdict == "error"
    assert "failed at sample q13: ZeroDivisionError" in bad.reason
    assert not made.passed


def test_a_failure_without_a_single_culprit(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(columns: Any, **_: Any) -> Any:
        if len(columns) > 15:
            raise MemoryError("too many")
        return qa.contains(columns)

    monkeypatch.setattr(translation, "bleu", full)
    rule = {"task": "translation", "metrics": ["bleu", "chrf"], "gates": []}
    (cell,) = run(suite(**rule)).record.cells
    assert cell.scores["bleu"].note == "failed: MemoryError: too many"
    assert cell.scores["chrf"].value is not None


def test_if_the_tasks_metric_fails_no_answer_is_wrong(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(qa, "exact_match", broken)
    made = run(suite())
    assert made.samples["correct"].isna().all()


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (Score(0.5, 0.1, 0.9, 4, note="failed, undefined and infinite"), ""),
        (build.undefined(0, 0.95, "nothing there"), "undefined"),
        (Score(float("inf"), 0.0, 0.0, 4), "infinite"),
        (build.failed(4, 0.95, "no library"), "failed"),
    ],
)
def test_the_reason_for_no_value_is_a_code(score: Score, why: str) -> None:
    record = score_record("perplexity", score, score, 0, METRICS["perplexity"])
    assert record.no_value == why
    assert (record.value is None) == bool(why)
