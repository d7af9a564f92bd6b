"""Entities in an answer and in targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit import SpecError, evaluate
from evalkit.answers.entities import entities_in
from evalkit.answers.tagging import named_entities, tags_of, tokens_of
from tests.tasks.test_token_classification import suite


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
