from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.engine.language_model import BatchLimits
from evalkit.engine.memory_estimate import estimate_memory, shape_of

LLAMA = {
    "model_type": "llama",
    "vocab_size": 1000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}


def test_the_shape_is_counted_by_hand() -> None:
    shape = shape_of(LLAMA)
    # q and o: 64·64; k and v: 64·(2·16); gate, up, down: 64·128
    assert shape.linear == 3 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
    # embedding and head: 1000·64; two norms a layer and one at the end
    assert shape.other == 2 * 1000 * 64 + 7 * 64
    assert shape.cache == 2 * 3 * 2 * 16
    assert (shape.hidden, shape.vocabulary) == (64, 1000)


def test_the_estimate_equals_a_loaded_model(tiny_model: Any) -> None:
    shape = shape_of(tiny_model.config)
    assert shape.linear + shape.other == sum(p.numel() for p in tiny_model.parameters())


def test_each_precision_needs_less_and_may_fit() -> None:
    lines = estimate_memory(LLAMA, memory=None, limits=BatchLimits(100, 2))
    assert [line.precision for line in lines] == ["float32", "bfloat16", "8-bit", "4-bit"]
    assert [line.fits for line in lines] == [None] * 4
    weights = [line.weights for line in lines]
    assert weights == sorted(weights, reverse=True)
    assert lines[0].weights == 2 * lines[1].weights == 4 * (3 * 36864 + 2 * 64000 + 448)
    # rows of four batches are written at a time
    assert lines[0].cache == 4 * 100 * 192 * 4
    # 16 vectors alive for each token of a batch; logits of the four rows that are written
    assert lines[0].batch == 100 * 16 * 64 * 4 + 2 * 2 * 1000 * 4
    middle = (lines[0].total + lines[1].total) // 2
    told = estimate_memory(LLAMA, memory=int(middle / 0.9), limits=BatchLimits(100, 2))
    assert [line.fits for line in told] == [False, True, True, True]


def test_the_kv_cache_is_bounded_by_the_context() -> None:
    short = {**LLAMA, "max_position_embeddings": 64}
    # two rows of a batch, twice as many written at a time, none beyond 64 tokens
    assert (
        estimate_memory(short, memory=None, limits=BatchLimits(100, 2))[0].cache
        == 2 * 2 * 64 * 192 * 4
    )
    # a batch of choices has rows that are not written
    assert estimate_memory(short, memory=None, limits=BatchLimits(900, 2))[0].cache == 900 * 192 * 4


def test_undeclared_batches_shrink_to_fit() -> None:
    limits = BatchLimits(16384, 48)
    weights = estimate_memory(LLAMA, memory=None, limits=limits)[0].weights
    memory = weights + 40_000_000
    fixed = estimate_memory(LLAMA, memory=memory, limits=limits)[0]
    assert fixed.fits is False
    assert fixed.cache == 4 * 16384 * 192 * 4
    adapted = estimate_memory(LLAMA, memory=memory, limits=limits, shrinks=True)[0]
    # half of 40 MB for keys and values of 4 batches, a quarter for a batch: 2048 tokens
    assert adapted.cache == 4 * 2048 * 192 * 4
    assert adapted.total <= memory
