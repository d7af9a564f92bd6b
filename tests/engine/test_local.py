"""The engine against transformers, one request at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("transformers")

from evalkit.engine.language_model import LanguageModel
from evalkit.engine.local import respond
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message

SHOTS = (
    "a film review is positive, negative or neutral. the lazy dog: negative. the fox: positive. "
)
TEXTS = [
    "the quick brown fox",
    "Question: what is the capital of France? Answer:",
    SHOTS + "the brown dog:",
    SHOTS + "jumps over the lazy fox:",
    SHOTS + "Paris, numbers 0 1 2 3:",
    "a",
    "numbers 0 1 2 3 4 5 6 7 8 9 and signs",
    SHOTS + "Paris, numbers 0 1 2 9 and the capital:",
]


def answers(lm: LanguageModel, requests: list[Request]) -> list[Response]:
    found: dict[int, Response] = {}
    for batch in respond(lm, requests):
        for index, response in batch:
            assert index not in found
            found[index] = response
    assert sorted(found) == list(range(len(requests)))
    return [found[i] for i in range(len(requests))]


def reference_text(lm: LanguageModel, request: Request) -> str:
    """Plain transformers, one request, greedy."""
    import torch
    from transformers import GenerationConfig

    ids = torch.tensor([lm.tokenizer(request.prompt)["input_ids"]])
    g = request.generation
    config = GenerationConfig(
        max_new_tokens=g.max_new_tokens,
        do_sample=False,
        num_beams=g.num_beams,
        repetition_penalty=g.repetition_penalty,
        eos_token_id=sorted(lm.eos),
        pad_token_id=lm.pad,
    )
    out = lm.model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    tail = out[0, ids.shape[1] :].tolist()
    ended = next((i for i, t in enumerate(tail) if t in lm.eos), len(tail))
    return str(lm.tokenizer.decode(tail[:ended], skip_special_tokens=True))


def reference_logprob(lm: LanguageModel, prompt_ids: list[int], choice_ids: list[int]) -> float:
    """Plain transformers: one forward over one sequence, log-softmax over all of it."""
    import torch

    ids = torch.tensor([[*prompt_ids, *choice_ids]])
    with torch.no_grad():
        logprobs = lm.model(ids).logits.double().log_softmax(-1)[0]
    start = len(prompt_ids)
    return sum(float(logprobs[start + k - 1, t]) for k, t in enumerate(choice_ids))


def test_greedy_text_equals_one_at_a_time_transformers(lm: LanguageModel) -> None:
    requests = [Request(t, Generation(max_new_tokens=20)) for t in TEXTS]
    got = answers(lm, requests)
    assert [r.text for r in got] == [reference_text(lm, r) for r in requests]
    assert {r.finish for r in got} == {"stop", "length"}
    for response in got:
        truncated = response.finish == "length"
        assert response.status is (Status.TRUNCATED if truncated else Status.OK)


def test_choices_equal_one_at_a_time_forwards(lm: LanguageModel) -> None:
    choices = ("positive", "negative", "neutral", "the lazy dog", "Paris")
    requests = [Request(t, choices=choices) for t in TEXTS]
    for request, response in zip(requests, answers(lm, requests), strict=True):
        prompt = lm.tokenizer(request.prompt)["input_ids"]
        expected = [
            reference_logprob(
                lm, prompt, lm.tokenizer(" " + c, add_special_tokens=False)["input_ids"]
            )
            for c in choices
        ]
        assert response.logprobs == pytest.approx(expected, abs=2e-4)
        assert response.text == choices[expected.index(max(expected))]
        assert response.choice_tokens == tuple(
            len(lm.tokenizer(" " + c, add_special_tokens=False)["input_ids"]) for c in choices
        )


def test_bos_and_special_tokens_occur_once(lm: LanguageModel) -> None:
    chat = (Message("user", "the fox"),)
    seen: list[list[int]] = []
    hook = lm.model.get_input_embeddings().register_forward_hook(
        lambda _m, inputs, _o: seen.append(inputs[0].reshape(-1).tolist())
    )
    try:
        [raw] = answers(lm, [Request("the fox", Generation(max_new_tokens=1))])
        [doubled] = answers(lm, [Request("<s>the fox", Generation(max_new_tokens=1))])
        [chatted] = answers(lm, [Request(chat, Generation(max_new_tokens=1))])
    finally:
        hook.remove()
    for ids in seen:
        assert [t for t in ids if t == 0] == [0]
    assert raw.sent == doubled.sent == "<s>the fox"
    assert chatted.sent == "<s><|user|>the fox</s><|assistant|>"


def test_a_failing_sample_affects_no_other(lm: LanguageModel) -> None:
    requests = [
        Request("the fox " * 200),
        Request("the fox", Generation(max_new_tokens=300)),
        Request("the fox", Generation(max_new_tokens=3)),
        Request("the fox " * 200, choices=("a", "b")),
    ]
    long, greedy, fine, choice = answers(lm, requests)
    assert long.status is greedy.status is choice.status is Status.OVERFLOW
    assert "300" in greedy.error
    assert "256" in greedy.error
    assert str(greedy.prompt_tokens) in greedy.error
    assert fine.answered


def test_a_template_that_rejects_a_system_message_says_so(lm: LanguageModel) -> None:
    template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{{ messages[0]['content'] }}"
    )
    strict = replace(lm, chat_template=template)
    system = Request((Message("system", "be brief"), Message("user", "the fox")))
    user = Request((Message("user", "the fox"),), Generation(max_new_tokens=2))
    refused, answered = answers(strict, [system, user])
    assert refused.status is Status.ERROR
    assert "system message" in refused.error
    assert answered.answered
