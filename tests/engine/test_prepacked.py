"""Weights in their second layout give the same products, and are used only where allowed."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from evalkit.engine import prepacked
from evalkit.engine.prepacked import MAX_TOKENS, prepack

needs_onednn = pytest.mark.skipif(not prepacked._supported(), reason="torch without oneDNN for x86")


def layers(dtype: Any = None) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(24, 40), torch.nn.Linear(40, 7, bias=False), torch.nn.LayerNorm(7)
    ).to(dtype or torch.float32)


@needs_onednn
@pytest.mark.parametrize(
    "shape", [(1, 24), (1, 5, 24), (MAX_TOKENS, 24), (MAX_TOKENS + 1, 24), (2, 90, 24)]
)
def test_products_equal_double_precision(shape: tuple[int, ...]) -> None:
    model = layers()
    x = torch.randn(*shape)
    with torch.inference_mode():
        expected = layers(torch.float64)(x.double()).float()
        assert prepack(model)
        torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)


@needs_onednn
def test_few_tokens_use_the_prepacked_layout_and_many_the_plain_one() -> None:
    model = layers()
    assert prepack(model)
    with torch.no_grad():
        # what the copy does not see tells which of the two was read
        model[0].weight.zero_()
        model[0].bias.zero_()
        assert model[0](torch.ones(MAX_TOKENS, 24)).abs().max() > 0
        assert model[0](torch.ones(MAX_TOKENS + 1, 24)).abs().max() == 0


@needs_onednn
def test_weights_are_laid_out_once_and_later_layers_added() -> None:
    model = layers()
    assert prepack(model)
    first = model[0].forward
    model.append(torch.nn.Linear(7, 3))
    assert prepack(model)
    assert model[0].forward is first
    assert isinstance(model[3].forward, prepacked._PrepackedLinear)


def test_other_precisions_other_layers_and_full_memory_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not prepack(layers(torch.bfloat16))

    class Quantised(torch.nn.Linear):
        pass

    assert not prepack(torch.nn.Sequential(Quantised(3, 4)))
    size = sum(m.weight.numel() * 4 for m in layers()[:2])
    monkeypatch.setattr(prepacked, "free_device_memory", lambda _device: 4 * size - 1)
    model = layers()
    assert not prepack(model)
    assert "forward" not in vars(model[0])


@needs_onednn
def test_only_unshared_weights_are_laid_out(tiny_folder: Any, tiny_tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM

    from evalkit.engine.local import prepare, respond
    from evalkit.exchange import Generation, Request

    texts: dict[bool, list[str]] = {}
    requests = [Request(f"the fox {k}", Generation(max_new_tokens=8)) for k in range(5)]
    for frozen in (False, True):
        model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
        lm = prepare(model, tiny_tokenizer, frozen=frozen)
        found = {i: r.text for batch in respond(lm, requests) for i, r in batch}
        texts[frozen] = [found[i] for i in range(len(requests))]
        products = [
            m
            for m in model.modules()
            if isinstance(vars(m).get("forward"), prepacked._PrepackedLinear)
        ]
        assert bool(products) is frozen
    assert texts[True] == texts[False]
