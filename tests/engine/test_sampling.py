"""Sampled answers."""

from __future__ import annotations

import math

import pytest

from evalkit.engine.language_model import LanguageModel
from evalkit.exchange import Generation, Request
from tests.engine.test_local import TEXTS, answers

pytest.importorskip("transformers")


def test_a_sampled_answer_depends_only_on_its_seed(lm: LanguageModel) -> None:
    def ask(seed: int, repeat: int = 0, neighbours: int = 0) -> str:
        generation = Generation(max_new_tokens=15, temperature=1.0, seed=seed)
        requests = [Request(t, generation) for t in TEXTS[1 : 1 + neighbours]]
        requests.append(Request(TEXTS[0], generation, repeat=repeat))
        return answers(lm, requests)[-1].text

    assert ask(1) == ask(1) == ask(1, neighbours=5)
    assert len({ask(seed) for seed in range(8)}) > 1
    assert len({ask(1, repeat=repeat) for repeat in range(8)}) > 1


def test_sampling_follows_the_softmax(lm: LanguageModel) -> None:
    import torch

    generation = Generation(max_new_tokens=1, temperature=2.0, top_k=5)
    got = answers(lm, [Request("the quick", generation, repeat=k) for k in range(600)])
    with torch.no_grad():
        logits = lm.model(torch.tensor([lm.tokenizer("the quick")["input_ids"]])).logits[0, -1]
    top = (logits / 2.0).topk(5)
    probabilities = top.values.softmax(-1).tolist()
    for token, p in zip(top.indices.tolist(), probabilities, strict=True):
        text = "" if token in lm.eos else lm.tokenizer.decode([token], skip_special_tokens=True)
        share = sum(r.text == text for r in got) / len(got)
        assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / len(got)) + 1e-9
