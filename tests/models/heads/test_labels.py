"""The labels of a checkpoint and those of a suite."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Inputs, Request
from evalkit.models.registry import resolve
from tests.models.conftest import CORPUS

from .conftest import Declare, Make, answers, direct, read


def test_labels_match_their_written_forms_and_sum(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForSequenceClassification", num_labels=5)
    stars = {"LABEL_0": "bad", "LABEL_1": "bad", "LABEL_2": "Middling", "LABEL_3": "good"}
    labels = (("bad", ("bad",)), ("good", ("good", "LABEL_4")), ("fair", ("middling",)))
    request = Request("", inputs=Inputs("classification", (CORPUS[0],), labels))
    model = resolve(declare("transformers", model=str(folder), labels=stars))
    (response,) = answers(model, [request])
    own, tokenizer = direct(folder, "AutoModelForSequenceClassification")
    p = own(**tokenizer(CORPUS[0], return_tensors="pt")).logits[0].softmax(-1).tolist()
    expected = [p[0] + p[1], p[3] + p[4], p[2]]
    assert [math.exp(value) for value in response.logprobs] == pytest.approx(expected, abs=1e-5)


def test_unmatched_labels_are_listed_for_both_sides(
    declare: Declare, checkpoint: Make, three: Path
) -> None:
    folder = checkpoint("BertForSequenceClassification", num_labels=2)
    model = resolve(declare("transformers", model=str(folder)))
    with pytest.raises(ModelError) as raised:
        answers(model, [read("classification", "a", labels=["yes", "no"])])
    assert "the suite has 'yes', 'no', the head 'LABEL_0', 'LABEL_1'" in str(raised.value)
    assert "labels: {LABEL_0: yes}" in str(raised.value)
    stray = resolve(declare("transformers", model=str(three), labels={"LABEL_7": "yes"}))
    with pytest.raises(
        ModelError, match="names 'LABEL_7', but the labels of the head are 'Positive'"
    ):
        stray.load()


def test_extra_labels_of_a_head_are_named(declare: Declare, three: Path) -> None:
    two = ["negative", "positive"]
    model = resolve(declare("transformers", model=str(three)))
    (response,) = answers(model, [read("classification", CORPUS[0], labels=two)])
    assert response.details["labels_left_out"] == ["neutral"]
    assert response.text in two
    assert len(response.logprobs) == 2
