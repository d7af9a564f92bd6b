"""Suites of token classification, from the response to entity scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit import SpecError, evaluate

ROWS = [
    {
        "id": "1",
        "tokens": ["Ada", "Lovelace", "lived", "in", "London", "."],
        "tags": ["B-PER", "I-PER", "O", "O", "B-LOC", "O"],
    },
    {"id": "2", "tokens": ["It", "rains", "."], "tags": ["O", "O", "O"]},
    {"id": "3", "tokens": ["Paris", "loves", "Paris"], "tags": ["B-PER", "O", "B-LOC"]},
    {"id": "4", "tokens": ["Oslo"], "tags": ["B-LOC"]},
]
ANSWERS = {
    "1": 'Here:\n```json\n[{"text": "ada lovelace", "label": "person"},'
    ' {"text": "London", "label": "LOC"}]\n```',
    "2": "[]",
    "3": '{"PER": ["Paris"], "LOC": ["Berlin"]}',
    "4": "Oslo is a place.",
}


def suite(**more: Any) -> dict[str, Any]:
    return {
        "suite": "names",
        "task": "token-classification",
        "labels": {"PER": ["person"], "LOC": None},
        "data": {"rows": ROWS, "tokens": "tokens", "target": "tags"},
        "prompts": {"p": {"text": "{{ id }}"}},
        "gates": ["entity_f1 >= 0.5", "entity_recall[LOC] >= 0.5"],
        **more,
    }


def test_a_suite_of_token_classification(tmp_path: Path) -> None:
    run = evaluate(suite(), {"m": ANSWERS.__getitem__}, root=tmp_path)
    assert list(run.samples["status"]) == ["ok", "ok", "ok", "unparsed"]
    assert list(run.samples["correct"]) == [True, True, False, False]
    assert run.samples["prediction"][0] == "B-PER I-PER O O B-LOC O"
    assert run.samples["prediction"][2] == "B-PER O O B-LOC"  # Berlin behind the tokens
    assert "not in the text, or named more often than there: 'Berlin'" in run.samples["how"][2]
    assert "no JSON" in run.samples["how"][3]
    scores = run.scores.set_index("score")["value"]
    assert scores["entity_precision"] == pytest.approx(3 / 4)
    assert scores["entity_recall"] == pytest.approx(3 / 5)
    assert scores["entity_recall[LOC]"] == pytest.approx(1 / 3)
    assert scores["entity_f1[PER]"] == 1
    assert [g.verdict for g in run.record.cells[0].gates] == ["pass", "fail"]


def test_groups_have_the_overall_scores(tmp_path: Path) -> None:
    rows = [{**row, "kind": "x" if row["id"] == "3" else "y"} for row in ROWS]
    declared = suite(
        data={"rows": rows, "tokens": "tokens", "target": "tags", "group": "kind"},
        gates=["entity_f1[kind=x] >= 0.5"],
    )
    run = evaluate(declared, {"m": ANSWERS.__getitem__}, root=tmp_path)
    scores = run.scores.set_index("score")["value"]
    assert scores["entity_f1[kind=x]"] == pytest.approx(2 / 4)
    assert "entity_f1[PER][kind=x]" not in scores


def test_worked_examples_answer_in_json(tmp_path: Path) -> None:
    asked = []
    shots = {"rows": ROWS[:1], "count": 1}
    declared = suite(
        data={"rows": ROWS[1:], "tokens": "tokens", "target": "tags"},
        prompts={"p": {"user": "{{ tokens | join(' ') }}", "shots": shots}},
        gates=[],
    )
    evaluate(declared, {"m": lambda prompt: asked.append(prompt) or "[]"}, root=tmp_path)
    wanted = [{"text": "Ada Lovelace", "label": "PER"}, {"text": "London", "label": "LOC"}]
    assert json.loads(asked[0][1]["content"]) == wanted


def test_required_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="needs 'tokens:'"):
        evaluate(suite(data={"rows": ROWS, "target": "tags"}), {"m": str}, root=tmp_path)
