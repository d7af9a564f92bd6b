"""Linear layers with one input become one product, and hold their weights once."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

import torch

from evalkit.engine.fused_layers import FusedLayers, fused_layers
from evalkit.engine.joined_linears import joined_linears
from tests.engine.test_fused_layers import KERNELS, logits, model_of


def storages(model: Any) -> int:
    """Bytes of all weights, each storage counted once."""
    found = {
        p.untyped_storage().data_ptr(): p.untyped_storage().nbytes() for p in model.parameters()
    }
    return sum(found.values())


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3", "gemma"])
def test_joined_layers_give_the_same_logits(kind: str) -> None:
    model = model_of(kind)
    usual, size = logits(model, FusedLayers()), storages(model)
    parts = dict(model.named_parameters())
    before = {name: weight.clone() for name, weight in parts.items()}
    fused = fused_layers(model, KERNELS, join=True)
    joined = [module for module, _ in fused.forwards if type(module) is torch.nn.Linear]
    assert len(joined) == 2 * (3 + 2)
    torch.testing.assert_close(logits(model, fused), usual, rtol=1e-5, atol=1e-5)
    assert torch.equal(logits(model, FusedLayers()), usual), "outside, the model is as it was"
    assert all(torch.equal(weight, before[name]) for name, weight in parts.items())
    assert storages(model) == size


def test_weights_that_are_joined_already_stay_where_they_are() -> None:
    model = model_of("qwen2")
    for _ in joined_linears(model):
        pass
    places = [p.data_ptr() for p in model.parameters()]
    again = [pair for group in joined_linears(model) for pair in group]
    assert [p.data_ptr() for p in model.parameters()] == places
    layer, made = again[0]
    x = torch.randn(1, 4, layer.in_features)
    torch.testing.assert_close(made(x), layer(x))


def test_a_layer_that_is_called_alone_or_with_another_input_is_right() -> None:
    model = model_of("qwen2")
    (query, first), (key, second), (value, third) = next(iter(joined_linears(model)))
    x, other = torch.randn(2, 1, 3, query.in_features)
    torch.testing.assert_close(second(x), key(x))
    first(x)
    torch.testing.assert_close(second(other), key(other))
    torch.testing.assert_close(third(x), value(x))
    first(x)
    torch.testing.assert_close(third(x), value(x))
    torch.testing.assert_close(second(x), key(x))


def test_other_kinds_of_layers_are_not_joined() -> None:
    class Quantised(torch.nn.Linear):
        pass

    model = model_of("llama")
    for layer in model.model.layers:
        layer.self_attn.k_proj = Quantised(64, 32, bias=False)
    joined = [layer for group in joined_linears(model) for layer, _ in group]
    assert len(joined) == 2 * 2
