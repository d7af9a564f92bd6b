"""Judging by SmolLM2: ratings equal a direct computation, none is unparsed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.messages import plain
from evalkit.models.registry import Declared, resolve

ROWS = [
    {"id": "1", "q": "What is the capital of France?", "a": "Paris"},
    {"id": "2", "q": "How many legs has a spider?", "a": "eight"},
]
ANSWERS = {"1": "Paris.", "2": "A spider is an insect with six legs. " * 12}


@pytest.mark.model
def test_expected_values_equal_transformers(tmp_path: Path) -> None:
    """From the same logits in float32, one prompt at a time, to 1e-4."""
    import torch

    judge: Any = resolve(
        Declared("judge", "transformers", {"model": "builtin:smollm2", "dtype": "float32"})
    )
    suite = {
        "suite": "s",
        "task": "qa",
        "data": {"rows": ROWS, "target": "a"},
        "prompts": {"p": "{{ q }}"},
        "judges": ["correctness", "helpfulness"],
    }

    def answer(prompt: Any) -> str:
        return next(ANSWERS[row["id"]] for row in ROWS if row["q"] == prompt[-1]["content"])

    run = evaluate(suite, {"m": answer}, judges="judge", loaded={"judge": judge}, root=tmp_path)
    judge.load()
    model, tokenizer = loaded_parts(judge)
    checked = 0
    for sample in run.record.cells[0].samples:
        for judgment in sample.judgments:
            assert judgment.reply.status == "ok"
            text = tokenizer.apply_chat_template(
                plain(judgment.prompt), tokenize=False, add_generation_prompt=True
            )
            ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
            with torch.no_grad():
                logprobs = model(ids.to(model.device)).logits[0, -1].float().log_softmax(-1)
            of = {
                step: math.exp(float(logprobs[tokenizer.encode(step, add_special_tokens=False)[0]]))
                for step in "12345"
            }
            mass = sum(of.values())
            expected = sum(int(step) * p for step, p in of.items()) / mass
            assert judgment.reply.value == pytest.approx(expected, abs=1e-4)
            assert judgment.reply.mass == pytest.approx(mass, abs=1e-4)
            checked += 1
    judge.close()
    assert checked == 4


def loaded_parts(judge: Any) -> tuple[Any, Any]:
    """The Hugging Face model and tokenizer behind a loaded judge."""
    return judge._loaded.model, judge._loaded.tokenizer
