"""Packed batches compute every token once."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.engine.local import prepare
from evalkit.exchange import Request
from tests.engine.test_local import SHOTS, answers

pytest.importorskip("transformers")


def test_no_token_is_computed_twice(tiny_model: Any, tiny_tokenizer: Any) -> None:
    lm = prepare(tiny_model, tiny_tokenizer)
    ends = ["dog:", "lazy fox:", "Paris:", "capital of France:", "jumps:"]
    requests = [Request(SHOTS + end, choices=("a", "b", "the dog")) for end in ends]
    ids = [lm.tokenizer(request.prompt)["input_ids"] for request in requests]
    shared = next(k for k in range(99) if len({tuple(i[: k + 1]) for i in ids}) > 1)
    branches = [
        len(lm.tokenizer(" " + c, add_special_tokens=False)["input_ids"]) - 1
        for c in requests[0].choices
    ]
    seen: list[int] = []
    hook = lm.model.get_input_embeddings().register_forward_hook(
        lambda _m, inputs, _o: seen.append(inputs[0].numel())
    )
    try:
        answers(lm, requests)
    finally:
        hook.remove()
    assert sum(seen) == shared + sum(len(i) - shared for i in ids) + len(ends) * sum(branches)
