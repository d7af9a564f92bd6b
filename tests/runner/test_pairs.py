"""Metrics over pairs from a suite to its scores, with groups and gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.comparing.operand import side_of
from evalkit.comparing.scores import compare_score

ANSWERS = {"he": "yes", "she": "no", "old": "yes", "young": "yes", "far": "yes", "near": "no"}


def test_scores_over_pairs_and_their_groups(tmp_path: Path) -> None:
    def model(prompt: Any) -> str:
        word = prompt[-1]["content"]
        if word == "near":
            raise ValueError("no answer")
        return ANSWERS[word]

    words = ["he", "she", "old", "young", "far", "near"]
    attributes = ["gender", "gender", "age", "age", "origin", "origin"]
    rows = [
        {"word": word, "label": "yes", "attribute": attributes[i], "pair": str(i // 2)}
        for i, word in enumerate(words)
    ]
    declared = {
        "suite": "pairs",
        "task": "classification",
        "labels": ["yes", "no"],
        "data": {"rows": rows, "target": "label", "pair": "pair", "group": "attribute"},
        "prompt": "{{ word }}",
        "answer": "text",
        "metrics": ["pair_difference", {"pair_gap": {"label": "no"}}],
        "gates": ["pair_gap <= 0.1", "pair_difference[attribute=age] <= 0%"],
        "max_errors": 1,
    }
    run = evaluate(declared, {"m": model}, root=tmp_path)
    scores = run.scores.set_index("score")
    assert scores.loc["pair_difference", "value"] == 0.5
    assert scores.loc["pair_difference", "n"] == 2
    assert scores.loc["pair_gap", "value"] == 0.5
    assert scores.loc["pair_gap[attribute=gender]", "value"] == 1.0
    assert scores.loc["pair_gap[attribute=age]", "value"] == 0.0
    cell = run.record.cells[0]
    assert "1 pairs without both answers left out" in cell.scores["pair_gap"].note
    assert [gate.verdict for gate in cell.gates] == ["fail", "pass"]


@pytest.mark.parametrize("limit", [3, 4])
def test_a_limit_keeps_pairs_whole(tmp_path: Path, limit: int) -> None:
    rows = [{"q": str(i), "a": "x", "pair": str(i % 4)} for i in range(8)]
    declared = {
        "suite": "pairs",
        "task": "qa",
        "data": {"rows": rows, "target": "a", "pair": "pair"},
        "prompt": "{{ q }}",
        "metrics": ["pair_difference"],
    }
    run = evaluate(declared, {"m": lambda prompt: "x"}, root=tmp_path, limit=limit)
    assert run.scores.set_index("score").loc["pair_difference", "n"] == limit // 2


def test_two_models_are_compared_over_pairs(tmp_path: Path) -> None:
    rows = [{"q": str(i), "a": "x", "pair": str(i // 2)} for i in range(8)]
    declared = {
        "suite": "pairs",
        "task": "qa",
        "data": {"rows": rows, "target": "a", "pair": "pair"},
        "prompt": "{{ q }}",
        "metrics": ["pair_difference"],
    }
    models = {"same": lambda prompt: "x", "echo": lambda prompt: prompt[-1]["content"]}
    run = evaluate(declared, models, root=tmp_path)
    assert run.record.suites["pairs"].pair == "pair"
    same, echo = (side_of(run.record, cell) for cell in run.record.cells)
    found = compare_score(same, echo, "pair_difference")
    assert (found.a, found.b, found.difference) == (0.0, 1.0, 1.0)
