"""Attention in each of its forms against softmax written out in double precision."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from evalkit.engine import attention_kernels
from evalkit.engine.attention_kernels import (
    QUERY_BLOCK,
    CausalAttention,
    decode_attention,
    masked_attention,
)


def reference(q, k, v, seen, scale):  # type: ignore[no-untyped-def]
    """Every query head with its own copy of keys and values; ``seen`` broadcasts to the scores."""
    groups = q.shape[1] // k.shape[1]
    q, k, v = q.double(), *(x.double().repeat_interleave(groups, 1) for x in (k, v))
    attention_kernels = torch.einsum("rhqd,rhkd->rhqk", q, k) * scale
    return torch.einsum(
        "rhqk,rhkd->rhqd", attention_kernels.masked_fill(~seen, -torch.inf).softmax(-1), v
    ).float()


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(
    "width", [1, 7, QUERY_BLOCK, QUERY_BLOCK + 1, 2 * QUERY_BLOCK, 3 * QUERY_BLOCK - 5]
)
@pytest.mark.parametrize("before", [0, 5, 200])
@pytest.mark.parametrize(("key_heads", "groups"), [(2, 1), (2, 3), (1, 4)])
def test_a_token_attends_to_the_prefix_and_earlier_tokens(
    width: int, before: int, key_heads: int, groups: int
) -> None:
    q = numbers(3, key_heads * groups, width, 8)
    k, v = numbers(3, key_heads, before + width, 8), numbers(3, key_heads, before + width, 9)
    seen = torch.arange(before + width) <= before + torch.arange(width)[:, None]
    causal = CausalAttention(before, width, torch.device("cpu"), torch.float32)
    for _ in range(2):
        out = causal.attend(q, k, v, 0.3)
        torch.testing.assert_close(out, reference(q, k, v, seen, 0.3), atol=2e-6, rtol=1e-5)


def test_a_block_leaves_out_what_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(q: Any, k: Any, v: Any, mask: Any, scale: float) -> Any:
        read.append(k.shape[2])
        return masked_attention(q, k, v, mask, scale)

    monkeypatch.setattr(attention_kernels, "masked_attention", counted)
    width = 2 * QUERY_BLOCK + 5
    causal = CausalAttention(7, width, torch.device("cpu"), torch.float32)
    causal.attend(numbers(1, 2, width, 8), *(numbers(1, 2, 7 + width, 8) for _ in "kv"), 0.3)
    assert read == [7 + QUERY_BLOCK, 7 + 2 * QUERY_BLOCK, 7 + width]


@pytest.mark.parametrize(("key_heads", "groups"), [(3, 1), (2, 3), (1, 4)])
def test_decoding_of_sequences_with_a_shared_prefix(key_heads: int, groups: int) -> None:
    rows, longest, tokens = 5, 11, 17
    q = numbers(rows, key_heads * groups, 1, 8)
    k, v = numbers(rows, key_heads, longest, 8), numbers(rows, key_heads, longest, 8) + 1
    keys, values = numbers(1, key_heads, tokens, 8), numbers(1, key_heads, tokens, 8) + 1
    seen = torch.arange(longest) <= torch.tensor([0, 3, 10, 5, 7])[:, None]
    mask = torch.zeros(rows, longest).masked_fill(~seen, torch.finfo(torch.float32).min)
    mask, seen = mask[:, None, None], seen[:, None, None]

    alone = reference(q, k, v, seen, 0.4)
    torch.testing.assert_close(decode_attention(q, k, v, mask, 0.4), alone, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(masked_attention(q, k, v, mask, 0.4), alone, atol=2e-6, rtol=1e-5)

    def whole(shared: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        return torch.cat([shared.expand(rows, -1, -1, -1), own], 2)

    everything = torch.cat([torch.ones(rows, 1, 1, tokens, dtype=torch.bool), seen], -1)
    expected = reference(q, whole(keys, k), whole(values, v), everything, 0.4)
    assert not torch.allclose(expected, alone, atol=1e-2)
    got = decode_attention(q, k, v, mask, 0.4, (keys, values))
    torch.testing.assert_close(got, expected, atol=2e-6, rtol=1e-5)
