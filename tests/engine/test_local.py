"""The engine against transformers, one request at a time."""

from __future__ import annotations

import inspect
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers")

from evalkit.engine.language_model import BatchLimits, LanguageModel, wrap_model
from evalkit.engine.local import prepare, respond
from evalkit.engine.plain import seeded
from evalkit.engine.sequence import SequenceState
from evalkit.engine.tokenization import TokenizedRequest
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


@pytest.fixture(scope="module", params=["packed", "plain"])
def lm(request: pytest.FixtureRequest, tiny_model: Any, tiny_tokenizer: Any) -> LanguageModel:
    engine = "auto" if request.param == "packed" else "plain"
    lm = prepare(tiny_model, tiny_tokenizer, engine=engine)
    assert lm.packed == (request.param == "packed"), lm.not_packed_because
    return lm


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


def test_repetition_penalty_and_beams_equal_transformers(lm: LanguageModel) -> None:
    requests = [Request(t, Generation(max_new_tokens=12, repetition_penalty=1.3)) for t in TEXTS]
    requests += [Request(t, Generation(max_new_tokens=6, num_beams=3)) for t in TEXTS[:3]]
    assert [r.text for r in answers(lm, requests)] == [reference_text(lm, r) for r in requests]


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


@given(
    order=st.permutations(range(len(TEXTS))),
    tokens=st.integers(1, 2000),
    rows=st.integers(1, 9),
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_order_and_no_batch_size_changes_an_answer(
    lm: LanguageModel, order: list[int], tokens: int, rows: int
) -> None:
    requests = [Request(t, Generation(max_new_tokens=8)) for t in TEXTS]
    requests += [Request(t, choices=("positive", "the lazy dog", "9")) for t in TEXTS]
    requests += [
        Request(t, Generation(max_new_tokens=8, temperature=1.0, top_p=0.9)) for t in TEXTS
    ]
    shuffled = [requests[k * len(TEXTS) + i] for i in order for k in range(3)]
    usual = dict(zip(requests, answers(lm, requests), strict=True))
    small = replace(lm, limits=BatchLimits(tokens, rows))
    for request, response in zip(shuffled, answers(small, shuffled), strict=True):
        expected = usual[request]
        assert response.text == expected.text
        assert response.logprobs == pytest.approx(expected.logprobs, abs=2e-4)
        assert (response.status, response.finish) == (expected.status, expected.finish)
        assert response.completion_tokens == expected.completion_tokens


def test_stop_strings_are_found_across_token_borders(lm: LanguageModel) -> None:
    request = Request(TEXTS[2], Generation(max_new_tokens=20))
    whole = next(
        r.text
        for t in TEXTS
        if len((r := answers(lm, [Request(t, request.generation)])[0]).text) > 12
    )
    prompt = next(
        t for t in TEXTS if answers(lm, [Request(t, request.generation)])[0].text == whole
    )
    for start in range(1, len(whole) - 4):
        stop = whole[start : start + 4]
        [response] = answers(
            lm, [Request(prompt, Generation(max_new_tokens=20, stop=("zzzz", stop)))]
        )
        assert response.text == whole[: whole.index(stop)]
        assert response.finish == "stop_string"
        assert response.status is Status.OK


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


def test_identical_requests_are_computed_once(lm: LanguageModel) -> None:
    request = Request(TEXTS[0], Generation(max_new_tokens=4))
    rows: list[int] = []
    hook = lm.model.get_input_embeddings().register_forward_hook(
        lambda _m, inputs, _o: rows.append(inputs[0].numel())
    )
    try:
        answers(lm, [request])
        once = list(rows)
        rows.clear()
        answers(lm, [request, replace(request, repeat=1), request])
    finally:
        hook.remove()
    assert rows == once


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


def test_nan_logits_fail_only_their_sequence(lm: LanguageModel) -> None:
    import torch

    poisoned = lm.tokenizer("Z", add_special_tokens=False)["input_ids"][0]
    weight = lm.model.get_input_embeddings().weight
    saved = weight[poisoned].detach().clone()
    requests = [
        Request("the Z", Generation(max_new_tokens=3)),
        Request("the Z", choices=("a", "b")),
    ]
    fine = [
        Request("the fox", Generation(max_new_tokens=3)),
        Request("the fox", choices=("a", "b")),
    ]
    before = answers(lm, fine)
    tied = lm.model.get_output_embeddings().weight is weight
    if tied:
        pytest.skip("with tied embeddings a NaN input row makes every logit NaN")
    with torch.no_grad():
        weight[poisoned] = torch.nan
    try:
        broken, broken_choice, *after = answers(lm, requests + fine)
    finally:
        with torch.no_grad():
            weight[poisoned] = saved
    assert broken.status is broken_choice.status is Status.ERROR
    assert "NaN" in broken.error
    assert [r.text for r in after] == [r.text for r in before]


def test_answered_requests_are_neither_computed_nor_yielded(lm: LanguageModel) -> None:
    requests = [Request(t, Generation(max_new_tokens=4)) for t in TEXTS]
    whole = answers(lm, requests)
    answered = frozenset({0, 3, 5})
    rest = {i: r for batch in respond(lm, requests, answered) for i, r in batch}
    assert sorted(rest) == [i for i in range(len(TEXTS)) if i not in answered]
    assert all(rest[i].text == whole[i].text for i in rest)
    assert list(respond(lm, requests, frozenset(range(len(TEXTS))))) == []


def test_out_of_memory_halves_the_batch(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    requests = [Request(t, Generation(max_new_tokens=5)) for t in TEXTS]
    requests += [Request(t, choices=("a", "the dog")) for t in TEXTS]
    forward = lm.model.forward
    sizes: list[int] = []
    memory = [10**9]

    def small_memory(*args: Any, **kwargs: Any) -> Any:
        sizes.append(kwargs["input_ids"].numel())
        if sizes[-1] > memory[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(*args, **kwargs)

    small_memory.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    monkeypatch.setattr(lm.model, "forward", small_memory)
    expected = [(r.text, r.status) for r in answers(lm, requests)]
    memory[0] = int(max(sizes) * 0.7)
    failed_before = len(sizes)
    assert [(r.text, r.status) for r in answers(lm, requests)] == expected
    assert any(size > memory[0] for size in sizes[failed_before:])


def test_no_token_is_computed_twice(tiny_model: Any, tiny_tokenizer: Any) -> None:
    lm = prepare(tiny_model, tiny_tokenizer)
    ends = ["dog:", "lazy fox:", "Paris:", "capital of France:", "jumps:"]
    requests = [Request(SHOTS + end, choices=("a", "b", "the dog")) for end in ends]
    ids = [lm.tokenizer(request.prompt)["input_ids"] for request in requests]
    shared = next(k for k in range(99) if len({tuple(i[: k + 1]) for i in ids}) > 1)
    branches = [
        len(lm.tokenizer(" " + c, add_special_tokens=False)["input_ids"]) - 1
        for c in requests[0].choices
    ]
    seen: list[int] = []
    hook = lm.model.get_input_embeddings().register_forward_hook(
        lambda _m, inputs, _o: seen.append(inputs[0].numel())
    )
    try:
        answers(lm, requests)
    finally:
        hook.remove()
    assert sum(seen) == shared + sum(len(i) - shared for i in ids) + len(ends) * sum(branches)


@pytest.mark.parametrize("window", [6, 200])
def test_a_sliding_window_falls_back_and_says_so(tiny_tokenizer: Any, window: int) -> None:
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=window,
        max_position_embeddings=256,
        initializer_range=0.35,
    )
    lm = prepare(MistralForCausalLM(config), tiny_tokenizer)
    assert not lm.packed
    assert "sliding window" in lm.not_packed_because
    requests = [Request(t, Generation(max_new_tokens=6)) for t in TEXTS]
    assert [r.text for r in answers(lm, requests)] == [reference_text(lm, r) for r in requests]


def test_replicas_sample_beams_like_one_model(tiny_model: Any, tiny_tokenizer: Any) -> None:
    import torch

    wrapped = wrap_model(tiny_model, tiny_tokenizer)

    request = Request("x", Generation(temperature=1.0, num_beams=2))
    rows = [
        SequenceState(i, TokenizedRequest(request, (i,), ""), wrapped.tokenizer, wrapped.eos)
        for i in range(2)
    ]
    meeting = threading.Barrier(2)

    def drawn(row: SequenceState, *, together: bool) -> list[float]:
        if together:
            meeting.wait()
        found = []
        with seeded(wrapped, row):
            for _ in range(5):
                found.append(float(torch.rand(1)))
                time.sleep(0.002)
        return found

    alone = [drawn(row, together=False) for row in rows]
    again = [
        SequenceState(i, row.encoded, wrapped.tokenizer, wrapped.eos) for i, row in enumerate(rows)
    ]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda row: drawn(row, together=True), again)) == alone
