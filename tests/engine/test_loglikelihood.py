"""The likelihood of whole texts: windows by hand, values by plain transformers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalkit.engine.language_model import BatchLimits
from evalkit.engine.local import prepare, respond
from evalkit.engine.loglikelihood import sliding_windows
from evalkit.exchange import Reading, Request, Status
from evalkit.messages import Message
from tests.conftest import make_tokenizer

TEXTS = ["the quick brown fox", "a", "Question: what is the capital of France? " * 12, "fox " * 30]


def test_windows_by_hand() -> None:
    assert sliding_windows(range(5), 8, 4) == [(0, 1, 5)]
    assert sliding_windows(range(10), 6, 2) == [(0, 1, 6), (2, 6, 8), (4, 8, 10)]
    assert sliding_windows(range(9), 4, 3) == [(0, 1, 4), (3, 4, 7), (5, 7, 9)]


@pytest.mark.parametrize(("length", "size", "stride"), [(2, 2, 1), (50, 7, 3), (50, 7, 6)])
def test_every_token_counts_once_and_has_context(length: int, size: int, stride: int) -> None:
    found = sliding_windows(range(length), size, stride)
    counted = [i for _, first, end in found for i in range(first, end)]
    assert counted == list(range(1, length))
    assert all(begin < first and end - begin <= size for begin, first, end in found)


def plainly(model: Any, ids: list[int], size: int, stride: int) -> float:
    """Log-likelihood of all ids but the first, as the guide of transformers to perplexity does."""
    import torch

    total, done, begin, end = 0.0, 1, 0, size
    while True:
        part = torch.tensor([ids[begin:end]])
        with torch.no_grad():
            logprobs = model(part).logits[0].log_softmax(-1)
        for at in range(done, min(end, len(ids))):
            total += float(logprobs[at - begin - 1, ids[at]])
        done = min(end, len(ids))
        if done == len(ids):
            return total
        end = min(done + stride, len(ids))
        begin = max(0, end - size)


@pytest.mark.parametrize("engine", ["auto", "plain"])
@pytest.mark.parametrize("reading", [Reading(), Reading(24, 8), Reading(16, 15)])
def test_equals_plain_transformers(
    tiny_model: Any, tiny_tokenizer: Any, engine: str, reading: Reading
) -> None:
    lm = prepare(tiny_model, tiny_tokenizer, engine=engine)
    found = dict(p for b in respond(lm, [Request(t, reading=reading) for t in TEXTS]) for p in b)
    for i, text in enumerate(TEXTS):
        ids = [0, *tiny_tokenizer(text, add_special_tokens=False)["input_ids"]]
        size = min(reading.window or 2048, 256)
        expected = plainly(tiny_model, ids, size, reading.stride or size // 2)
        assert found[i].status is Status.OK
        assert found[i].logprobs[0] == pytest.approx(expected, abs=1e-4 * len(ids))
        assert found[i].choice_tokens == (len(ids) - 1,)
        assert found[i].sent == f"<s>{text}"
    assert found[2].details["windows"] > 1 or len(TEXTS[2]) < 256 or reading == Reading()


def test_the_tokenizer_decides_where_a_text_begins(tiny_model: Any) -> None:
    tokenizer = make_tokenizer(bos=False)
    lm = prepare(tiny_model, tokenizer)

    def sent(text: str) -> tuple[str, int]:
        [[(_, response)]] = respond(lm, [Request(text, reading=Reading())])
        return response.sent, response.choice_tokens[0]

    tokens = len(tokenizer("the fox")["input_ids"])
    assert sent("the fox") == ("<s>the fox", tokens)
    assert sent("<s>the fox") == ("<s>the fox", tokens)
    tokenizer.bos_token = None
    assert sent("the fox") == ("</s>the fox", tokens)
    tokenizer.eos_token = None
    assert sent("the fox") == ("the fox", tokens - 1)


def test_an_unscorable_text_affects_no_other(tiny_model: Any, tiny_tokenizer: Any) -> None:
    lm = prepare(tiny_model, tiny_tokenizer)
    requests = [
        Request("", reading=Reading()),
        Request((Message("user", "x"),), reading=Reading()),
        Request("the fox", reading=Reading()),
        Request("the fox", choices=("a", "b")),
    ]
    found = dict(pair for batch in respond(lm, requests) for pair in batch)
    assert "empty" in found[0].error
    assert "text:" in found[1].error
    assert found[2].status is found[3].status is Status.OK


def test_an_interrupted_run_requests_only_the_rest(tiny_model: Any, tiny_tokenizer: Any) -> None:
    lm = replace(prepare(tiny_model, tiny_tokenizer), limits=BatchLimits(64, 2))
    requests = [Request(text, reading=Reading(16, 8)) for text in TEXTS]
    whole = dict(pair for batch in respond(lm, requests) for pair in batch)
    rest = dict(pair for batch in respond(lm, requests, frozenset({0, 2})) for pair in batch)
    assert set(rest) == {1, 3}
    for i, response in rest.items():
        assert response.logprobs[0] == pytest.approx(whole[i].logprobs[0], abs=1e-4)


@pytest.mark.model
def test_the_real_model_scores_texts_like_plain_transformers(smollm2: Any) -> None:
    lm = smollm2._lm
    texts = ["The capital of France is Paris.", "Über die Brücke – naïve café."]
    requests = [Request(t, reading=Reading(12, 6)) for t in texts]
    found = dict(pair for batch in smollm2.respond(requests) for pair in batch)
    for i, text in enumerate(texts):
        ids = lm.tokenizer(lm.tokenizer.bos_token + text)["input_ids"]
        expected = plainly(lm.model, ids, 12, 6)
        slack = 1e-4 if lm.exact else 0.05
        tokens = found[i].choice_tokens[0]
        assert tokens == len(ids) - 1
        assert found[i].logprobs[0] / tokens == pytest.approx(expected / tokens, abs=slack)
