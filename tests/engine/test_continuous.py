"""transformers' continuous batching as an engine: the same answers, and which requests use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.engine.language_model import BatchLimits
from evalkit.engine.local import prepare, respond
from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Response
from evalkit.models.registry import Declared, resolve

REQUESTS = [
    Request("the quick brown fox", Generation(max_new_tokens=12)),
    Request("a", Generation(max_new_tokens=20)),
    Request("Question: what is the capital of France?", Generation(max_new_tokens=3)),
    Request("the lazy dog", Generation(max_new_tokens=9, stop=("e", "o"))),
    Request("the fox", Generation(max_new_tokens=6, temperature=1.0, seed=3)),
    Request("the fox", Generation(max_new_tokens=6, repetition_penalty=1.3)),
    Request("the fox", Generation(max_new_tokens=4, num_beams=2)),
    Request("the fox jumps over", choices=("a dog", "9")),
]


def answers(lm: Any, requests: list[Request]) -> list[Response]:
    found = dict(pair for batch in respond(lm, requests) for pair in batch)
    return [found[i] for i in range(len(requests))]


def test_answers_equal_plain_batches(
    tiny_model: Any, tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    original = tiny_model.generate_batch

    def counted(inputs: list[list[int]], **options: Any) -> Any:
        written.append(len(inputs))
        return original(inputs, **options)

    monkeypatch.setattr(tiny_model, "generate_batch", counted)
    lm = prepare(tiny_model, tiny_tokenizer, engine="continuous")
    expected = answers(prepare(tiny_model, tiny_tokenizer, engine="plain"), REQUESTS)
    for model in (lm, replace(lm, limits=BatchLimits(16, 1))):
        found = answers(model, REQUESTS)
        assert [r.text for r in found] == [r.text for r in expected]
        assert [r.finish for r in found] == [r.finish for r in expected]
    assert written == [4, 2, 2], "the greedy ones, all at once and then two at a time"


def test_errors_inside_a_batch_belong_to_their_sequence(
    tiny_model: Any, tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_model, "generate_batch", lambda inputs, **options: {})
    lm = prepare(tiny_model, tiny_tokenizer, engine="continuous")
    [response] = answers(lm, REQUESTS[:1])
    assert "continuous batching returned no answer" in response.error


def test_an_unsupported_model_is_an_error(tiny_tokenizer: Any) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    model = T5ForConditionalGeneration(
        T5Config(vocab_size=50, d_model=8, d_ff=8, d_kv=4, num_layers=1, num_heads=2)
    )
    with pytest.raises(ModelError, match="does not support T5ForConditionalGeneration"):
        prepare(model, tiny_tokenizer, engine="continuous")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "vllm"}, "backend: vllm"),
        ({"engine": "fast"}, "auto"),
        ({"engine": "continuous", "device_map": "auto"}, "one device"),
    ],
)
def test_invalid_engines_are_errors(options: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=said):
        resolve(Declared("m", "transformers", {"model": "x", **options}))
