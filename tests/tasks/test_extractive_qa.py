"""Questions about a context that may have no answer, by SQuAD 2.0's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit import evaluate

ROWS = [
    {"q": "span", "a": ["in Paris", "Paris"]},
    {"q": "silent", "a": []},
    {"q": "says", "a": ""},
    {"q": "invents", "a": []},
    {"q": "misses", "a": "a red car"},
]
ANSWERS = {
    "span": "Paris",
    "silent": "  ",
    "says": "Unanswerable.",
    "invents": "in 1990",
    "misses": "no answer",
}


def test_no_answer_is_a_valid_answer(tmp_path: Path) -> None:
    declared = {
        "suite": "spans",
        "task": "extractive-qa",
        "data": {"rows": ROWS, "target": "a"},
        "prompts": {"p": {"text": "{{ q }}"}},
        "metrics": ["exact_match", "token_f1", "answerable_f1", "no_answer_f1"],
    }
    run = evaluate(declared, {"m": ANSWERS.__getitem__}, root=tmp_path)
    assert list(run.samples["prediction"]) == ["Paris", "", "", "in 1990", ""]
    assert list(run.samples["status"]) == ["ok"] * 5
    assert list(run.samples["correct"]) == [True, True, True, False, False]
    values = run.scores.set_index("score")["value"]
    assert values["exact_match"] == pytest.approx(3 / 5)
    assert values["answerable_f1"] == pytest.approx(1 / 2)
    assert values["no_answer_f1"] == pytest.approx(2 / 3)
