"""What is computed, in which batches, and what happens if one does not fit."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.engine.language_model import BatchLimits, LanguageModel
from evalkit.engine.local import respond
from evalkit.exchange import Generation, Request
from tests.engine.test_local import TEXTS, answers

pytest.importorskip("transformers")


@given(
    order=st.permutations(range(len(TEXTS))),
    tokens=st.integers(1, 2000),
    rows=st.integers(1, 9),
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_order_and_no_batch_size_changes_an_answer(
    lm: LanguageModel, order: list[int], tokens: int, rows: int
) -> None:
    requests = [Request(t, Generation(max_new_tokens=8)) for t in TEXTS]
    requests += [Request(t, choices=("positive", "the lazy dog", "9")) for t in TEXTS]
    requests += [
        Request(t, Generation(max_new_tokens=8, temperature=1.0, top_p=0.9)) for t in TEXTS
    ]
    shuffled = [requests[k * len(TEXTS) + i] for i in order for k in range(3)]
    usual = dict(zip(requests, answers(lm, requests), strict=True))
    small = replace(lm, limits=BatchLimits(tokens, rows))
    for request, response in zip(shuffled, answers(small, shuffled), strict=True):
        expected = usual[request]
        assert response.text == expected.text
        assert response.logprobs == pytest.approx(expected.logprobs, abs=2e-4)
        assert (response.status, response.finish) == (expected.status, expected.finish)
        assert response.completion_tokens == expected.completion_tokens


def test_identical_requests_are_computed_once(lm: LanguageModel) -> None:
    request = Request(TEXTS[0], Generation(max_new_tokens=4))
    rows: list[int] = []
    hook = lm.model.get_input_embeddings().register_forward_hook(
        lambda _m, inputs, _o: rows.append(inputs[0].numel())
    )
    try:
        answers(lm, [request])
        once = list(rows)
        rows.clear()
        answers(lm, [request, replace(request, repeat=1), request])
    finally:
        hook.remove()
    assert rows == once


def test_answered_requests_are_neither_computed_nor_yielded(lm: LanguageModel) -> None:
    requests = [Request(t, Generation(max_new_tokens=4)) for t in TEXTS]
    whole = answers(lm, requests)
    answered = frozenset({0, 3, 5})
    rest = {i: r for batch in respond(lm, requests, answered) for i, r in batch}
    assert sorted(rest) == [i for i in range(len(TEXTS)) if i not in answered]
    assert all(rest[i].text == whole[i].text for i in rest)
    assert list(respond(lm, requests, frozenset(range(len(TEXTS))))) == []


def test_out_of_memory_halves_the_batch(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    requests = [Request(t, Generation(max_new_tokens=5)) for t in TEXTS]
    requests += [Request(t, choices=("a", "the dog")) for t in TEXTS]
    forward = lm.model.forward
    sizes: list[int] = []
    memory = [10**9]

    def small_memory(*args: Any, **kwargs: Any) -> Any:
        sizes.append(kwargs["input_ids"].numel())
        if sizes[-1] > memory[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(*args, **kwargs)

    small_memory.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    monkeypatch.setattr(lm.model, "forward", small_memory)
    expected = [(r.text, r.status) for r in answers(lm, requests)]
    memory[0] = int(max(sizes) * 0.7)
    failed_before = len(sizes)
    assert [(r.text, r.status) for r in answers(lm, requests)] == expected
    assert any(size > memory[0] for size in sizes[failed_before:])
