"""Fused parts of a layer replace the model's own only where they mean the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from evalkit.engine.fused_layers import FusedLayers, fused_layers

SIZES = {
    "vocab_size": 101,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CALLS: list[str] = []


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    CALLS.append("norm")
    return torch.nn.functional.rms_norm(x.float(), (len(weight),), None, eps).to(x.dtype) * weight


def silu_times(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    CALLS.append("mlp")
    return torch.nn.functional.silu(gate) * up


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    CALLS.append("rotary")
    low, high = x.chunk(2, dim=-1)
    return x * cos[:, None] + torch.cat([-high, low], -1) * sin[:, None]


KERNELS = SimpleNamespace(rms_norm=rms_norm, silu_times=silu_times, rotate=rotate, MAX_HIDDEN=16384)


def model_of(kind: str, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SIZES))
    return model.to(dtype).eval()


def logits(model: Any, fused: FusedLayers) -> torch.Tensor:
    with torch.inference_mode(), fused.active():
        found: torch.Tensor = model(torch.arange(1, 20)[None], use_cache=False).logits
    return found


@pytest.mark.parametrize(
    ("kind", "norms", "blocks"), [("llama", 5, 2), ("qwen3", 9, 2), ("gemma", 0, 0)]
)
def test_parts_that_agree_are_replaced_and_give_the_same_logits(
    kind: str, norms: int, blocks: int
) -> None:
    model = model_of(kind)
    fused = fused_layers(model, KERNELS)
    assert len(fused.forwards) == norms + blocks
    assert fused.rotary is not None
    usual = logits(model, FusedLayers())
    CALLS.clear()
    torch.testing.assert_close(logits(model, fused), usual, rtol=1e-5, atol=1e-5)
    assert (CALLS.count("norm"), CALLS.count("mlp")) == (norms, blocks)
    assert CALLS.count("rotary") == 2 * 2
    CALLS.clear()
    assert torch.equal(logits(model, FusedLayers()), usual)
    assert CALLS == []


def test_half_precision_rounds_where_the_model_does() -> None:
    model = model_of("llama", torch.bfloat16)
    fused = fused_layers(model, KERNELS)
    assert len(fused.forwards) == 7
    assert torch.equal(logits(model, fused), logits(model, FusedLayers()))


@pytest.mark.parametrize("name", ["rms_norm", "silu_times", "rotate"])
def test_a_kernel_with_other_values_replaces_nothing(name: str) -> None:
    def wrong(*arguments: Any) -> torch.Tensor:
        return getattr(KERNELS, name)(*arguments) * 1.01

    model = model_of("llama")
    fused = fused_layers(model, SimpleNamespace(**{**vars(KERNELS), name: wrong}))
    left = {"rms_norm": (2, True), "silu_times": (5, True), "rotate": (7, False)}[name]
    assert (len(fused.forwards), fused.rotary is not None) == left


def test_a_module_with_a_forward_of_its_own_stays() -> None:
    model = model_of("llama")
    block = model.model.layers[0].mlp
    block.forward = lambda x: x
    assert block not in [module for module, _ in fused_layers(model, KERNELS).forwards]
