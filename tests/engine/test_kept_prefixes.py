"""Keys and values that stay between the turns of conversations."""

from __future__ import annotations

import random
from typing import Any

import pytest

pytest.importorskip("transformers")

from benchmarks.conversations import counted, distinct_beginnings, measure
from benchmarks.workloads import sentences
from evalkit.engine.language_model import BatchLimits, LanguageModel
from evalkit.engine.local import prepare
from evalkit.exchange import Generation, Request
from tests.engine.test_local import reference_text
from tests.engine.test_paged_decode import paged, written


def usual(model: Any, tokenizer: Any, limits: BatchLimits) -> LanguageModel:
    return prepare(model, tokenizer, limits=limits)


def test_conversations_cost_no_more_than_a_cache_that_never_forgets(
    tiny_model: Any, tiny_tokenizer: Any
) -> None:
    found = measure(tiny_model, tiny_tokenizer, conversations=60, turns=5, words=4, new_tokens=6)
    assert len(found.answers) == 300
    assert found.answers == found.expected
    assert found.least <= found.tokens <= 1.15 * found.least
    assert found.whole > 2 * found.tokens


@pytest.mark.parametrize("decoder", [usual, paged])
@pytest.mark.parametrize("limits", [BatchLimits(4096, 3), BatchLimits(16384, 64)])
def test_both_decoders_continue_what_they_kept(
    tiny_model: Any, tiny_tokenizer: Any, decoder: Any, limits: BatchLimits
) -> None:
    rng = random.Random(5)
    lm = decoder(tiny_model, tiny_tokenizer, limits)
    first = [
        Request(sentences(rng, 30), Generation(max_new_tokens=3 + k), continued=True)
        for k in range(9)
    ]
    answers = written(lm, first)
    assert answers == [reference_text(lm, request) for request in first]
    assert lm.kept.tokens > 0
    second = [
        Request(f"{one.prompt}{answer} the dog", Generation(max_new_tokens=5))
        for one, answer in zip(first, answers, strict=True)
    ]
    again = decoder(tiny_model, tiny_tokenizer, limits)
    with counted(lm.model) as continued:
        found = written(lm, second)
    with counted(lm.model) as whole:
        assert written(again, second) == found
    assert found == [reference_text(lm, request) for request in second]
    assert continued[0] < 0.7 * whole[0]
    assert lm.kept.tokens == 0, "nothing is continued after the second call"


def test_distinct_beginnings_are_counted_once() -> None:
    assert distinct_beginnings([(1, 2, 3), (1, 2, 4), (1, 2), (5,), (1, 2, 3)]) == 5
