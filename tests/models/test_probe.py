"""``evalkit models check`` of checkpoints with task heads: their input, and one answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.probe import probe
from evalkit.models.registry import resolve

THREE = {0: "bad", 1: "so-so", 2: "good"}


def said(model: Any, question: str = "") -> dict[str, str]:
    findings = list(probe(model, question))
    assert all(finding.works is not False for finding in findings), findings
    return {finding.name: finding.detail for finding in findings}


@pytest.mark.parametrize(
    ("architecture", "config", "reads", "task"),
    [
        ("BertForSequenceClassification", {"id2label": THREE}, "a text", "classification"),
        ("BertModel", {}, "a text", "classification"),
        ("BertForQuestionAnswering", {}, "a question and a context", "extractive-qa"),
        ("BertForMaskedLM", {}, "a text with [MASK]", "fill-mask"),
        ("BertForTokenClassification", {"id2label": {0: "O", 1: "B-PER"}}, "the tokens",
         "token-classification"),
    ],
)  # fmt: skip
def test_every_head_answers_its_task(
    declare: Callable[..., Any],
    checkpoint: Callable[..., Path],
    architecture: str,
    config: dict[str, Any],
    reads: str,
    task: str,
) -> None:
    told = said(resolve(declare("transformers", model=str(checkpoint(architecture, **config)))))
    assert told["reads"].startswith(reads)
    assert told["reads"].endswith(f"with task {task}")
    assert told["input"]
    assert told["answer"]
    if task == "token-classification":
        assert len(json.loads(told["answer"])) == len(told["input"].split())
    if architecture == "BertForSequenceClassification":
        assert told["answer"] in THREE.values()
        assert [part.split(")")[0] for part in told["choices"].split(", ")] == [
            f"log p({name}" for name in THREE.values()
        ]
    if architecture == "BertModel":
        assert told["answer"] in ("positive", "negative")
    if task == "extractive-qa":
        assert told["answer"].startswith("(none") or told["answer"] in told["input"]


def test_check_accepts_declared_labels_and_a_custom_question(
    declare: Callable[..., Any], checkpoint: Callable[..., Path]
) -> None:
    folder = str(checkpoint("BertForSequenceClassification", id2label=THREE))
    model = resolve(declare("transformers", model=folder, labels={"so-so": "neutral"}))
    told = said(model, "the lazy dog")
    assert told["input"] == "the lazy dog"
    assert "log p(neutral)" in told["choices"]
    assert "so-so" not in told["model"]


def test_a_rejected_answer_says_why(
    declare: Callable[..., Any], checkpoint: Callable[..., Path]
) -> None:
    model = resolve(declare("transformers", model=str(checkpoint("BertForMaskedLM"))))
    (refused,) = [finding for finding in probe(model, "no place") if finding.works is False]
    assert refused.required
    assert "[MASK]" in refused.detail
