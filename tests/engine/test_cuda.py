"""The engine on a CUDA device, which is pretended: answers, errors and memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch

from evalkit.engine.language_model import BatchLimits, GpuParts, LanguageModel
from evalkit.engine.local import prepare, respond
from evalkit.engine.paged_decode import PagedDecoder, why_not_paged
from evalkit.exchange import Generation, Reading, Request, Response, Status
from tests.conftest import make_model
from tests.engine.reference_attention import store_and_attend
from tests.engine.test_encoder_decoder import make as make_encoder_decoder
from tests.pretended_cuda import Card, pretended_cuda

SHARED = "numbers 0 1 2 3 4 5 6 7 8 9 and signs . , : ; " * 2
REQUESTS = [
    *(Request("the quick fox " * n, choices=("jumps", "a lazy dog", "9")) for n in (1, 3)),
    *(Request(f"{SHARED}{n}", choices=("positive", "the lazy dog")) for n in range(4)),
    *(Request("a film review" * n, Generation(max_new_tokens=9)) for n in (1, 2)),
    *(Request(f"{SHARED}dog {n}", Generation(max_new_tokens=4)) for n in range(3)),
    Request("what is", Generation(max_new_tokens=6, stop=("e", "o"))),
    Request("what is", Generation(max_new_tokens=6, temperature=1.0, top_p=0.9, top_k=50, seed=3)),
    Request("what is", Generation(max_new_tokens=6, repetition_penalty=1.3)),
    Request("what is", Generation(max_new_tokens=3, num_beams=2)),
    Request("the capital of France is Paris and the lazy dog jumps", reading=Reading(window=16)),
]


@pytest.fixture
def card() -> Iterator[Card]:
    with pretended_cuda() as card:
        yield card


@pytest.fixture(scope="module")
def llama() -> Any:
    return make_model("llama")


def answers(lm: LanguageModel, requests: list[Request]) -> list[Response]:
    found = dict(pair for batch in respond(lm, requests) for pair in batch)
    return [found[i] for i in range(len(requests))]


def assert_equal(found: list[Response], expected: list[Response]) -> None:
    assert [(r.status, r.text, r.finish) for r in found] == [
        (r.status, r.text, r.finish) for r in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def on_card(model: Any) -> Any:
    moved = copy.deepcopy(model).to("cuda")
    assert moved.device.type == "cuda"
    return moved


@pytest.mark.parametrize("engine", ["auto", "plain"])
def test_answers_equal_those_of_a_cpu(
    card: Card, tiny_model: Any, tiny_tokenizer: Any, engine: str
) -> None:
    lm = prepare(on_card(tiny_model), tiny_tokenizer, engine=engine)
    assert lm.packed == (engine == "auto"), lm.not_packed_because
    expected = answers(prepare(tiny_model, tiny_tokenizer, engine=engine), REQUESTS)
    assert_equal(answers(lm, REQUESTS), expected)


def test_the_paged_decoder(card: Card, tiny_model: Any, tiny_tokenizer: Any) -> None:
    """Its tokens arrive from the card while the next step runs; a graph is not pretended."""
    lm = prepare(on_card(tiny_model), tiny_tokenizer)
    decoder = PagedDecoder(store_and_attend, capture=False)
    paged = replace(lm, gpu=GpuParts(decoder))
    assert why_not_paged(lm, store_and_attend) == ""
    kept = card.allocated
    expected = answers(prepare(tiny_model, tiny_tokenizer), REQUESTS)
    card.log.clear()
    assert_equal(answers(paged, REQUESTS), expected)
    assert card.log["event"] > 1
    assert card.allocated > kept, "its cache stays for the next call"
    paged.release()
    assert card.allocated == kept


def test_kernels_run_on_the_device_of_the_model(
    card: Card, llama: Any, tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triton's kernels and events would else run on the first card."""
    current: list[Any] = []

    @contextmanager
    def device(chosen: Any) -> Iterator[None]:
        current.append(chosen)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device", device)

    def attend(*arguments: Any) -> Any:
        assert current[-1] == torch.device("cuda:0")
        return store_and_attend(*arguments)

    lm = replace(
        prepare(on_card(llama), tiny_tokenizer), gpu=GpuParts(PagedDecoder(attend, capture=False))
    )
    assert all(r.answered for r in answers(lm, REQUESTS))


def test_half_precision(card: Card, llama: Any, tiny_tokenizer: Any) -> None:
    half = copy.deepcopy(llama).to(torch.bfloat16)
    lm = prepare(on_card(half), tiny_tokenizer)
    assert lm.packed, lm.not_packed_because
    assert not lm.exact
    assert all(r.answered for r in answers(lm, REQUESTS))


def test_continuous_batching_of_transformers(card: Card, llama: Any, tiny_tokenizer: Any) -> None:
    greedy = [r for r in REQUESTS if r.generation == Generation(max_new_tokens=9) and not r.choices]
    lm = prepare(on_card(llama), tiny_tokenizer, engine="continuous")
    expected = answers(prepare(llama, tiny_tokenizer), greedy)
    assert_equal(answers(lm, greedy), expected)


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_encoder_decoder_models(card: Card, family: str) -> None:
    model, tokenizer, _ = make_encoder_decoder(family)
    requests = [r for r in REQUESTS if not r.reading and not r.generation.temperature]
    expected = answers(prepare(model, tokenizer), requests)
    assert_equal(answers(prepare(on_card(model), tokenizer), requests), expected)


def test_a_full_card_makes_batches_smaller(llama: Any, tiny_tokenizer: Any) -> None:
    requests = [
        *(Request(f"{SHARED * 2}{n}", choices=("a", "the lazy dog")) for n in range(8)),
        *(Request(f"{n}{SHARED * 2}", Generation(max_new_tokens=4)) for n in range(8)),
    ]
    expected = answers(prepare(llama, tiny_tokenizer), requests)
    with pretended_cuda() as card:
        lm = prepare(on_card(llama), tiny_tokenizer, limits=BatchLimits(131072, 8))
        card.total = card.allocated + 200_000
        assert_equal(answers(lm, requests), expected)
        assert lm.memory.divisor > 1, "it was not full"


def test_a_request_that_no_card_holds_is_an_error(llama: Any, tiny_tokenizer: Any) -> None:
    requests = [Request("a", choices=("b", "c")), Request(SHARED * 4, choices=("b", "c"))]
    with pretended_cuda() as card:
        lm = prepare(on_card(llama), tiny_tokenizer)
        answers(lm, requests[:1])
        card.total = card.allocated + 60_000
        first, second = answers(lm, requests)
    assert first.status is Status.OK
    assert second.status is Status.ERROR
    assert "out of memory with this sample alone" in second.error


def test_memory_that_torch_keeps_does_not_make_batches_smaller(
    llama: Any, tiny_tokenizer: Any
) -> None:
    with pretended_cuda(total=2**30) as card:
        model = on_card(llama)
        usual = prepare(model, tiny_tokenizer).limits
        big = torch.empty(2**28 - 2**20, device="cuda")
        del big
        assert card.reserved > 2**29
        assert prepare(model, tiny_tokenizer).limits == usual


def test_a_step_of_decoding_waits_for_the_card_three_times(llama: Any, tiny_tokenizer: Any) -> None:
    """Each transfer of a few numbers stops both the CPU and the card: one for the tokens and
    positions, one for where they are stored, one for the next tokens. They do not grow with the
    groups of running sequences."""
    short, long = (
        [Request(f"{n} the dog", Generation(max_new_tokens=m)) for n in range(24)] for m in (3, 4)
    )
    with pretended_cuda() as card:
        limits = BatchLimits(4096, 32)
        lm = replace(prepare(on_card(llama), tiny_tokenizer, limits=limits), eos=frozenset())
        waits = []
        for requests in (short, long):
            card.log.clear()
            answers(lm, requests)
            waits.append(card.log.total())
    assert waits[1] - waits[0] == 3
