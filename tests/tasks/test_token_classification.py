"""Suites of token classification, from the response to entity scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit import SpecError, evaluate
from evalkit.answers.entities import entities_in
from evalkit.answers.tagging import named_entities, tags_of, tokens_of

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


def test_targets_may_be_entities_of_a_text() -> None:
    text = "Dr. Ada Lovelace's London"
    tokens = tokens_of(text)
    assert tokens == ["Dr", ".", "Ada", "Lovelace", "'", "s", "London"]
    wanted = ["O", "O", "B-PER", "I-PER", "O", "O", "B-LOC"]
    by_text = [{"text": "Ada Lovelace", "label": "PER"}, {"text": "London", "label": "LOC"}]
    assert tags_of(by_text, tokens, text) == wanted
    assert tags_of(json.dumps(by_text), tokens, text) == wanted
    by_place = [{"start": 4, "end": 16, "label": "PER"}, {"start": 19, "end": 25, "label": "LOC"}]
    assert tags_of(by_place, tokens, text) == wanted
    assert tags_of([], tokens, text) == ["O"] * 7
    assert tokens_of('["a b", "c"]') == ["a b", "c"]
    assert named_entities(wanted, tokens) == by_text


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["B-PER"], "there are 3 tokens, but 1 tags"),
        (["PER", "O", "O"], "'PER' is not a tag"),
        (["B", "I", "O"], "the tag 'B' has no label; append one"),
        (["O", "I", "O"], "for instance I-ENTITY"),
        (["B-", "O", "O"], "the tag 'B-' has no label"),
        ([1, 0, 0], "the tags are numbers"),
        (["B-ORG", "O", "O"], "unknown label 'ORG'"),
        (None, "the target is missing; write []"),
        ([{"text": "Rome", "label": "LOC"}], "'Rome' is not among the tokens"),
        ([{"text": "Paris"}], "has no 'label'"),
        ([{"start": 1, "end": 5, "label": "LOC"}], "are not whole tokens"),
    ],
)
def test_invalid_targets_are_errors(tmp_path: Path, tags: Any, message: str) -> None:
    rows = [{"tokens": ["Paris", "loves", "Paris"], "tags": tags}]
    data = {"rows": rows, "tokens": "tokens", "target": "tags"}
    with pytest.raises(SpecError) as caught:
        evaluate(suite(data=data, prompts={"p": "x"}), {"m": str}, root=tmp_path)
    assert message in str(caught.value)


def test_required_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="needs 'tokens:'"):
        evaluate(suite(data={"rows": ROWS, "target": "tags"}), {"m": str}, root=tmp_path)


@pytest.mark.parametrize(
    ("answer", "prediction"),
    [
        ('["B-PER", "I-per", "O"]', "B-PER I-PER O"),
        ('["B-PER", "O"]', None),
        ('[{"text": "c", "label": "other"}]', "O O B-other"),
        ('[{"text": "b", "label": "PER"}, {"text": "A B", "label": "LOC"}]', "B-LOC I-LOC O B-PER"),
        ('[{"text": "", "label": "PER"}]', "O O O B-PER"),
        ('[{"text": "a"}]', None),
        ('["a", "b"]', None),
        ('{"PER": "a"}', None),
        ("3", None),
        ("nothing", None),
    ],
)
def test_entities_in_an_answer(answer: str, prediction: str | None) -> None:
    labels = {"PER": ("person",), "LOC": ("LOC",)}
    assert entities_in(answer, ["a", "b", "c"], labels).prediction == prediction
