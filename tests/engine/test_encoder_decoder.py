"""Models with an encoder and a decoder against transformers, one request at a time."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
import transformers

from evalkit.engine.language_model import BatchLimits
from evalkit.engine.local import prepare, respond
from evalkit.exchange import Generation, Reading, Request, Response, Status
from evalkit.messages import Message

TEXTS = [
    "translate: the quick brown fox",
    "a",
    "summarise: a film review is positive, negative or neutral, and the dog is lazy",
    "Question: what is the capital of France? Answer:",
]


def make_tokenizer(before: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<pad>", "</s>", "<s>", *alphabet]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{before} $A </s>".strip(), special_tokens=[("</s>", 1), ("<s>", 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", bos_token="<s>"
    )


def make(family: str) -> tuple[Any, Any, list[int]]:
    """A tiny random model, its tokenizer, and the tokens its decoder begins with."""
    torch.manual_seed(1 if family == "t5" else 3)
    tokenizer = make_tokenizer("<s>" if family == "bart" else "")
    if family == "t5":
        config = transformers.T5Config(
            vocab_size=len(tokenizer),
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            initializer_factor=1.7,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
        model: Any = transformers.T5ForConditionalGeneration(config)
        start = [0]
    else:
        config = transformers.BartConfig(
            vocab_size=len(tokenizer),
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=128,
            init_std=0.4,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=2,
            decoder_start_token_id=1,
            forced_eos_token_id=None,
        )
        model = transformers.BartForConditionalGeneration(config)
        start = [1, 2]
    # several end tokens, so that answers end at different lengths
    model.generation_config.eos_token_id = [1, *range(40, 60)]
    return model.eval(), tokenizer, start


@pytest.fixture(scope="module", params=["t5", "bart"])
def loaded(request: pytest.FixtureRequest) -> tuple[Any, Any, list[int]]:
    torch.set_num_threads(1)
    return make(request.param)


def answers(lm: Any, requests: list[Request]) -> list[Response]:
    found = [pair for batch in respond(lm, requests) for pair in batch]
    assert sorted(i for i, _ in found) == list(range(len(requests)))
    return [response for _, response in sorted(found, key=lambda pair: pair[0])]


def written(loaded: Any, text: str, **settings: Any) -> list[int]:
    """The output of transformers, without the start token, up to the end token."""
    model, tokenizer, start = loaded
    encoded = tokenizer(text, return_tensors="pt")
    eos = model.generation_config.eos_token_id
    config = transformers.GenerationConfig(
        eos_token_id=eos, pad_token_id=0, decoder_start_token_id=start[0], **settings
    )
    output = model.generate(
        input_ids=encoded["input_ids"],
        attention_mask=encoded["attention_mask"],
        decoder_input_ids=torch.tensor([start]),
        generation_config=config,
    )
    ids = output[0, len(start) :].tolist()
    return ids[: next((i for i, token in enumerate(ids) if token in eos), len(ids))]


@pytest.mark.parametrize("settings", [{}, {"num_beams": 3}, {"repetition_penalty": 1.7}])
def test_generation_equals_transformers(loaded: Any, settings: dict[str, Any]) -> None:
    model, tokenizer, _ = loaded
    lm = prepare(model, tokenizer)
    requests = [Request(text, Generation(max_new_tokens=24, **settings)) for text in TEXTS]
    found = answers(lm, requests)
    for text, response in zip(TEXTS, found, strict=True):
        expected = written(loaded, text, max_new_tokens=24, do_sample=False, **settings)
        assert response.text == tokenizer.decode(expected, skip_special_tokens=True)
        assert response.sent.endswith(f"{text}</s>")
    assert settings or len({response.completion_tokens for response in found}) > 1


def test_choices_are_scored_by_the_decoder(loaded: Any) -> None:
    model, tokenizer, start = loaded
    choices = ("positive", "no", "a longer choice")
    requests = [Request(text, choices=choices) for text in TEXTS]
    found = answers(prepare(model, tokenizer), requests)
    for text, response in zip(TEXTS, found, strict=True):
        encoded = tokenizer(text, return_tensors="pt")
        expected = []
        for choice in choices:
            ids = tokenizer(choice, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                decoded = torch.tensor([[*start, *ids]])
                logits = model(input_ids=encoded["input_ids"], decoder_input_ids=decoded).logits[0]
            scores = logits.log_softmax(-1)
            first = len(start) - 1
            expected.append(sum(scores[first + k, t].item() for k, t in enumerate(ids)))
        assert response.logprobs == pytest.approx(expected, abs=1e-3)
        assert response.choice_tokens == tuple(len(c) for c in choices)
        assert response.text == choices[expected.index(max(expected))]


def test_the_encoder_runs_once_for_all_choices(
    loaded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer, _ = loaded
    lm = prepare(model, tokenizer)
    encoder, rows = model.get_encoder(), []
    forward = encoder.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        rows.append(len(kwargs["input_ids"]))
        return forward(*args, **kwargs)

    monkeypatch.setattr(encoder, "forward", counted)
    answers(lm, [Request(text, choices=("a", "b", "c")) for text in TEXTS])
    assert sum(rows) == len(TEXTS)


def test_sampling_depends_only_on_the_request(loaded: Any) -> None:
    model, tokenizer, _ = loaded
    generation = Generation(max_new_tokens=12, temperature=1.0, top_p=0.95, seed=5)
    requests = [Request(text, generation, repeat=r) for text in TEXTS for r in range(3)]
    together = [r.text for r in answers(prepare(model, tokenizer), requests)]
    lm = prepare(model, tokenizer, limits=BatchLimits(64, 1))
    assert [r.text for r in answers(lm, requests)] == together
    assert len(set(together)) > len(TEXTS)


def test_stop_strings_end_before_them(loaded: Any) -> None:
    model, tokenizer, _ = loaded
    lm = prepare(model, tokenizer)
    whole = answers(lm, [Request(text, Generation(max_new_tokens=24)) for text in TEXTS])
    text, full = next((t, r.text) for t, r in zip(TEXTS, whole, strict=True) if len(r.text) > 3)
    stop = full[2:4]
    request = Request(text, Generation(max_new_tokens=24, stop=(stop,)))
    (cut,) = answers(lm, [request])
    assert cut.text == full[: full.index(stop)]
    assert cut.finish == "stop_string"


def test_a_chat_without_a_template_is_joined(loaded: Any) -> None:
    model, tokenizer, _ = loaded
    lm = prepare(model, tokenizer)
    chat = Request((Message("system", "Be brief."), Message("user", "why?")))
    plain, chatted = answers(lm, [Request("Be brief.\n\nwhy?"), chat])
    assert (plain.text, plain.sent) == (chatted.text, chatted.sent)
    templated = prepare(model, tokenizer, chat_template="{{ messages[1]['content'] }}!</s>")
    (response,) = answers(templated, [chat])
    assert response.sent == "why?!</s>"


def test_an_invalid_request_affects_no_other(loaded: Any) -> None:
    model, tokenizer, _ = loaded
    lm = prepare(model, tokenizer, context_length=30)
    read, long, fine = answers(
        lm,
        [
            Request("a text", reading=Reading()),
            Request(TEXTS[2], Generation(max_new_tokens=4)),
            Request("a", Generation(max_new_tokens=4)),
        ],
    )
    assert "cannot score a whole text" in read.error
    assert long.status is Status.OVERFLOW
    assert "context of 30" in long.error
    assert fine.answered
