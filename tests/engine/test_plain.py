"""Plain batches."""

from __future__ import annotations

import copy
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from evalkit.engine.language_model import LanguageModel, wrap_model
from evalkit.engine.local import prepare
from evalkit.engine.plain import seeded
from evalkit.engine.sequence import SequenceState
from evalkit.engine.tokenization import TokenizedRequest
from evalkit.exchange import Generation, Request
from tests.engine.test_local import TEXTS, answers, reference_text

pytest.importorskip("transformers")

import torch


def test_repetition_penalty_and_beams_equal_transformers(lm: LanguageModel) -> None:
    requests = [Request(t, Generation(max_new_tokens=12, repetition_penalty=1.3)) for t in TEXTS]
    requests += [Request(t, Generation(max_new_tokens=6, num_beams=3)) for t in TEXTS[:3]]
    assert [r.text for r in answers(lm, requests)] == [reference_text(lm, r) for r in requests]


@pytest.mark.parametrize("window", [6, 200])
def test_a_sliding_window_falls_back_and_says_so(tiny_tokenizer: Any, window: int) -> None:
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=window,
        max_position_embeddings=256,
        initializer_range=0.35,
    )
    lm = prepare(MistralForCausalLM(config), tiny_tokenizer)
    assert not lm.packed
    assert "sliding window" in lm.not_packed_because
    requests = [Request(t, Generation(max_new_tokens=6)) for t in TEXTS]
    assert [r.text for r in answers(lm, requests)] == [reference_text(lm, r) for r in requests]


def test_replicas_sample_beams_like_one_model(tiny_model: Any, tiny_tokenizer: Any) -> None:
    import torch

    wrapped = wrap_model(tiny_model, tiny_tokenizer)

    request = Request("x", Generation(temperature=1.0, num_beams=2))
    rows = [
        SequenceState(i, TokenizedRequest(request, (i,), ""), wrapped.tokenizer, wrapped.eos)
        for i in range(2)
    ]
    meeting = threading.Barrier(2)

    def drawn(row: SequenceState, *, together: bool) -> list[float]:
        if together:
            meeting.wait()
        found = []
        with seeded(wrapped, row):
            for _ in range(5):
                found.append(float(torch.rand(1)))
                time.sleep(0.002)
        return found

    alone = [drawn(row, together=False) for row in rows]
    again = [
        SequenceState(i, row.encoded, wrapped.tokenizer, wrapped.eos) for i, row in enumerate(rows)
    ]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda row: drawn(row, together=True), again)) == alone


@pytest.mark.parametrize("several", [False, True])
def test_weights_on_several_devices_take_an_index_of_main_memory(
    tiny_model: Any, tiny_tokenizer: Any, several: bool
) -> None:
    model = copy.deepcopy(tiny_model)
    if several:
        last = list(model.children())[-1]
        last.register_parameter("elsewhere", torch.nn.Parameter(torch.empty(1, device="meta")))
    lm = prepare(model, tiny_tokenizer, engine="plain")
    assert lm.spread == several
    requests = [Request("the fox", Generation(max_new_tokens=n)) for n in (2, 5, 9)]
    assert [r.text for r in answers(lm, requests)] == [
        reference_text(lm, request) for request in requests
    ]
