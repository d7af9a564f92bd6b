"""The last layer's feed-forward part computes only the tokens whose logits are needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch

from evalkit.engine.attention import PrefillPlan, _last_layer_only_at, packed_forward
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.local import prepare
from tests.conftest import make_model

IDS = list(range(5, 17))
READ = [4, 11]


@pytest.fixture
def lm(tiny_tokenizer: Any) -> LanguageModel:
    return prepare(make_model("llama"), tiny_tokenizer)


def logits(lm: LanguageModel) -> Any:
    plan = PrefillPlan([len(IDS)], lm.device, lm.dtype)
    with torch.inference_mode():
        return packed_forward(lm, IDS, range(len(IDS)), plan, READ)


def test_only_needed_positions_go_through_the_last_layer(lm: LanguageModel) -> None:
    first, last = (lm.model.model.layers[k].mlp.gate_proj for k in (0, -1))
    seen: dict[Any, int] = {}
    for layer in (first, last):
        layer.register_forward_hook(lambda m, x, _: seen.update({m: x[0].shape[1]}))
    with torch.inference_mode():
        expected = lm.model(torch.tensor([IDS])).logits[0, READ]
        torch.testing.assert_close(logits(lm), expected, atol=1e-4, rtol=1e-4)
    assert (seen[first], seen[last]) == (len(IDS), len(READ))
    assert "forward" not in vars(lm.model.model.layers[-1].mlp)


def test_experts_with_router_outputs_compute_every_token() -> None:
    class Telling(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return 2 * x, x.sum(-1)

    block, x = Telling(), torch.randn(1, 7, 3)
    lm: Any = SimpleNamespace(last_layer=SimpleNamespace(mlp=block))
    with _last_layer_only_at(lm, torch.tensor([2, 6])):
        out, told = block(x)
    assert torch.equal(out, 2 * x)
    assert torch.equal(told, x.sum(-1))
