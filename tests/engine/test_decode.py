"""Sequences that share a prefix attend to it together, with the answers they give alone."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.engine import decode
from evalkit.engine.kv_cache import KVCache
from evalkit.engine.language_model import BatchLimits, LanguageModel
from evalkit.engine.local import prepare, respond
from evalkit.exchange import Generation, Request
from tests.engine.test_local import reference_text

SYSTEM = "the quick brown fox jumps over the lazy dog and the capital of France is Paris. "
TASKS = ("9 8 7 6 5 4 3 2 1 0 1 2 3 4 5 6 7 8 9: ", "Q W E R T Z U I O P A S D F G H J K L: ")
ENDS = ("the", "a fox", "Paris", "dog 0", "jumps over", "the lazy", "review", "9 8 7")
PROMPTS = [
    *(SYSTEM + TASKS[0] + end for end in ENDS),
    *(SYSTEM + TASKS[1] + end for end in ENDS[:3]),
    *(SYSTEM + end + " and signs" for end in ENDS[:2]),
    "the brown dog",
    "Question: what",
]


@pytest.fixture(scope="module")
def lm(tiny_model: Any, tiny_tokenizer: Any) -> LanguageModel:
    return prepare(tiny_model, tiny_tokenizer, limits=BatchLimits(4096, 64))


def written(lm: LanguageModel) -> list[str]:
    requests = [Request(prompt, Generation(max_new_tokens=9)) for prompt in PROMPTS]
    found = {i: r.text for batch in respond(lm, requests) for i, r in batch}
    return [found[i] for i in range(len(requests))]


@pytest.fixture(scope="module")
def alone(lm: LanguageModel) -> list[str]:
    requests = [Request(prompt, Generation(max_new_tokens=9)) for prompt in PROMPTS]
    return [reference_text(lm, request) for request in requests]


@pytest.mark.parametrize("least", [1, 150, 10**9])
def test_shared_prefix_attention_changes_no_answer(
    lm: LanguageModel, alone: list[str], least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MIN_TOKENS_SAVED", least)
    caches: list[tuple[int, int]] = []
    make = KVCache.__init__

    def counted(self: KVCache, slots: int, prefix: Any = None) -> None:
        make(self, slots, prefix)
        caches.append((slots, self.prefix_length))

    monkeypatch.setattr(KVCache, "__init__", counted)
    assert written(lm) == alone
    assert sum(slots for slots, _ in caches) == len(PROMPTS)
    together = [slots for slots, length in caches if length]
    if least == 10**9:
        assert together == []
    else:
        lengths = {length for _, length in caches}
        assert len(lengths) > (2 if least == 1 else 1), "some share a task, others the system"
        # a group has at most an eighth of the sequences: 16
        assert max(together) >= 7
