"""Keys and values that stay between the turns of conversations."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

from benchmarks.conversations import distinct_beginnings, measure


def test_conversations_cost_no_more_than_a_cache_that_never_forgets(
    tiny_model: Any, tiny_tokenizer: Any
) -> None:
    found = measure(tiny_model, tiny_tokenizer, conversations=60, turns=5, words=4, new_tokens=6)
    assert len(found.answers) == 300
    assert found.answers == found.expected
    assert found.least <= found.tokens <= 1.15 * found.least
    assert found.whole > 2 * found.tokens


def test_distinct_beginnings_are_counted_once() -> None:
    assert distinct_beginnings([(1, 2, 3), (1, 2, 4), (1, 2), (5,), (1, 2, 3)]) == 5
