"""The task language-modelling from a suite to its scores."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evalkit import SpecError, evaluate
from tests.conftest import make_model

TEXTS = ["the quick brown fox", "the lazy dog jumps over é", "numbers 0 1 2 3"]


def suite(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "suite": "texts",
        "task": "language-modelling",
        "data": {"rows": [{"text": text} for text in TEXTS]},
        "prompt": {"text": "{{ text }}"},
        "gates": ["bits_per_byte <= 100", "perplexity <= 2"],
    }
    return base | changes


def test_perplexity_and_bits_per_byte(tmp_path: Path, tiny_tokenizer: Any) -> None:
    import torch

    model = make_model("llama")
    run = evaluate(suite(), {"tiny": (model, tiny_tokenizer)}, root=tmp_path)
    total, tokens = 0.0, 0
    for text in TEXTS:
        ids = torch.tensor([tiny_tokenizer(text)["input_ids"]])
        with torch.no_grad():
            loss = model(ids, labels=ids).loss
        total += float(loss) * (ids.shape[1] - 1)
        tokens += ids.shape[1] - 1
    scores = run.scores.set_index("score")
    assert scores.loc["perplexity", "value"] == pytest.approx(math.exp(total / tokens), rel=1e-4)
    size = sum(len(text.encode()) for text in TEXTS)
    expected = total / math.log(2) / size
    assert scores.loc["bits_per_byte", "value"] == pytest.approx(expected, rel=1e-4)
    assert scores.loc["perplexity", "low"] < scores.loc["perplexity", "value"]
    [cell] = run.record.cells
    assert [gate.verdict for gate in cell.gates] == ["pass", "fail"]
    assert cell.statuses == {"ok": 3}


def test_a_model_without_likelihoods_is_an_error(tmp_path: Path) -> None:
    run = evaluate(suite(), {"function": lambda prompt: "x"}, root=tmp_path)
    [cell] = run.record.cells
    assert "cannot score the likelihood of a text" in cell.error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": "{{ text }}"}, "write the prompt under 'text:'"),
        ({"answer": "text"}, "remove 'answer:'"),
        ({"answer": {"window": 8, "stride": 8}}, "must be larger"),
        ({"answer": {"stride": 0}}, "number of tokens"),
        ({"metrics": ["accuracy"]}, "not for task 'language-modelling'"),
    ],
)
def test_invalid_suites_of_the_task_are_rejected(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        evaluate(suite(**changes), {"function": lambda prompt: "x"}, root=tmp_path)
