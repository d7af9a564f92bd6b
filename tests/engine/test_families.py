"""Common families of causal models: packed batches answer like plain transformers."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.engine import decode
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.local import prepare
from evalkit.exchange import Generation, Request
from tests.engine.test_local import (
    SHOTS,
    TEXTS,
    answers,
    reference_logprob,
    reference_text,
)

EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
FAMILIES: dict[str, dict[str, Any]] = {
    "cohere": {},
    "falcon": {"new_decoder_architecture": True, "num_kv_heads": 2},
    "gemma": {"head_dim": 8},
    "glm": {"head_dim": 8, "pad_token_id": None},
    "gpt_neox": {"num_key_value_heads": None},
    "granite": {},
    "mistral": {"sliding_window": None},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    "olmo2": {},
    "olmoe": EXPERTS,
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "phi": {},
    "phi3": {"pad_token_id": None},
    "qwen2": {},
    "qwen2_moe": {**EXPERTS, "shared_expert_intermediate_size": 32},
    "qwen3": {"head_dim": 8},
    "qwen3_moe": {**EXPERTS, "head_dim": 8},
    "smollm3": {"pad_token_id": None, "no_rope_layers": [1, 0]},
    "stablelm": {},
    "starcoder2": {"sliding_window": None},
}
NOT_PACKED = dict.fromkeys(("falcon", "stablelm"), "its attention cannot be replaced")
"""Families that run in plain batches, and why."""


def make(family: str) -> Any:
    """A tiny model with random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {
        "vocab_size": 400,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "initializer_range": 0.35,
        "tie_word_embeddings": False,
    }
    given = {k: v for k, v in {**shape, **FAMILIES[family]}.items() if v is not None}
    if FAMILIES[family].get("pad_token_id", 0) is None or "sliding_window" in FAMILIES[family]:
        given |= {k: v for k, v in FAMILIES[family].items() if v is None}
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **given)).float().eval()


@pytest.fixture(params=FAMILIES)
def lm(request: pytest.FixtureRequest, tiny_tokenizer: Any) -> LanguageModel:
    lm = prepare(make(request.param), tiny_tokenizer, frozen=True)
    assert lm.not_packed_because.startswith(NOT_PACKED.get(request.param, "")), (
        lm.not_packed_because
    )
    assert lm.packed == (request.param not in NOT_PACKED), lm.not_packed_because
    return lm


@pytest.mark.parametrize("least", [1, 10**9])
def test_a_model_family_answers_like_plain_transformers(
    lm: LanguageModel, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MIN_TOKENS_SAVED", least)
    texts = [*TEXTS, SHOTS * 3 + "the fox", SHOTS * 3 + "Paris"]
    written = [Request(text, Generation(max_new_tokens=8)) for text in texts]
    expected = [reference_text(lm, request) for request in written]
    choices = ("positive", "the lazy dog", "9")
    chosen = [Request(text, choices=choices) for text in texts]
    got = answers(lm, [*written, *chosen])
    assert [r.text for r in got[: len(texts)]] == expected
    for request, response in zip(chosen[:4], got[len(texts) :], strict=False):
        prompt = lm.tokenizer(request.prompt)["input_ids"]
        ids = [lm.tokenizer(" " + c, add_special_tokens=False)["input_ids"] for c in choices]
        likelihoods = [reference_logprob(lm, prompt, choice) for choice in ids]
        assert response.logprobs == pytest.approx(likelihoods, abs=5e-4)
