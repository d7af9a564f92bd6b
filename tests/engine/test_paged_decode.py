"""The decoder of GPUs gives the answers of one-at-a-time transformers, with little room too."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch

from evalkit.engine.language_model import BatchLimits, GpuParts, LanguageModel
from evalkit.engine.local import prepare, respond
from evalkit.engine.paged_decode import PagedDecoder, why_not_paged, with_gpu_decoder
from evalkit.exchange import Generation, Request, Status
from tests.engine.reference_attention import store_and_attend
from tests.engine.test_decode import PROMPTS
from tests.engine.test_local import reference_text


def paged(model: Any, tokenizer: Any, limits: BatchLimits) -> LanguageModel:
    lm = prepare(model, tokenizer, limits=limits)
    return replace(lm, gpu=GpuParts(PagedDecoder(store_and_attend, capture=False)))


def written(lm: LanguageModel, requests: list[Request]) -> list[str]:
    found = {}
    for batch in respond(lm, requests):
        for i, response in batch:
            assert i not in found
            assert response.status is not Status.ERROR, response.error
            found[i] = response.text
    return [found[i] for i in range(len(requests))]


@pytest.mark.parametrize(
    "limits", [BatchLimits(512, 1), BatchLimits(64, 3), BatchLimits(16384, 64)]
)
def test_scarce_slots_and_blocks_change_no_answer(
    tiny_model: Any, tiny_tokenizer: Any, limits: BatchLimits
) -> None:
    lm = paged(tiny_model, tiny_tokenizer, limits)
    requests = [
        Request(prompt, Generation(max_new_tokens=1 + 7 * k % 23))
        for k, prompt in enumerate(PROMPTS)
    ]
    assert written(lm, requests) == [reference_text(lm, request) for request in requests]


def test_sampled_and_greedy_sequences_run_together(tiny_model: Any, tiny_tokenizer: Any) -> None:
    lm = paged(tiny_model, tiny_tokenizer, BatchLimits(4096, 3))
    usual = prepare(tiny_model, tiny_tokenizer)
    requests = [
        Request(
            prompt,
            Generation(
                max_new_tokens=3 + k,
                temperature=0.9 if k % 3 == 1 else 0.0,
                repetition_penalty=1.3 if k % 3 == 2 else 1.0,
            ),
        )
        for k, prompt in enumerate(PROMPTS)
    ]
    assert written(lm, requests) == written(usual, requests)


def test_a_second_call_with_longer_sequences_gets_a_larger_cache(
    tiny_model: Any, tiny_tokenizer: Any
) -> None:
    lm = paged(tiny_model, tiny_tokenizer, BatchLimits(4096, 16))
    short = [Request("the fox", Generation(max_new_tokens=4))]
    long = [Request(p * 3, Generation(max_new_tokens=40)) for p in PROMPTS[:4]]
    for requests in (short, long, short):
        assert written(lm, requests) == [reference_text(lm, request) for request in requests]


def test_a_consumer_that_stops_leaves_the_cache_free(tiny_model: Any, tiny_tokenizer: Any) -> None:
    lm = paged(tiny_model, tiny_tokenizer, BatchLimits(4096, 16))
    requests = [
        Request(p, Generation(max_new_tokens=2 + 9 * (k % 2))) for k, p in enumerate(PROMPTS)
    ]
    next(iter(respond(lm, requests)))
    assert written(lm, requests) == [reference_text(lm, request) for request in requests]


def test_a_kernel_with_another_result_fails_the_trial(tiny_model: Any, tiny_tokenizer: Any) -> None:
    lm = prepare(tiny_model, tiny_tokenizer)

    def wrong(*arguments: Any) -> Any:
        return store_and_attend(*arguments[:-2], arguments[-2] * 3, arguments[-1])

    assert why_not_paged(lm, store_and_attend) == ""
    assert "logits differ" in why_not_paged(lm, wrong)
    assert with_gpu_decoder(lm) is lm, "it is not on a GPU"


def test_steps_that_cannot_be_captured_are_tried_once(
    tiny_model: Any, tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    def refuse(graph: Any, **options: Any) -> Any:
        tried.append(graph)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", refuse)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    lm = prepare(tiny_model, tiny_tokenizer, limits=BatchLimits(4096, 16))
    decoder = PagedDecoder(store_and_attend)
    lm = replace(lm, gpu=GpuParts(decoder))
    assert decoder.describe() == "paged KV cache, CUDA graphs"
    requests = [Request(prompt, Generation(max_new_tokens=9)) for prompt in PROMPTS]
    for _ in range(2):
        assert written(lm, requests) == [reference_text(lm, request) for request in requests]
        decoder.clear()
    assert len(tried) == 1
    assert decoder.describe() == (
        "paged KV cache, no CUDA graphs: RuntimeError: operation not permitted when stream is"
        " capturing"
    )
