from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError, SpecError
from evalkit.exchange import Inputs, Request, Status
from evalkit.models.heads.kinds import head_named
from evalkit.models.registry import resolve

from .conftest import CORPUS, answers, direct, read

Declare = Callable[..., Any]
Make = Callable[..., Path]
LABELS = ["negative", "neutral", "positive"]


@pytest.fixture(scope="module")
def three(checkpoint: Make) -> Path:
    return checkpoint(
        "BertForSequenceClassification", id2label={0: "Positive", 1: "NEGATIVE", 2: "neutral"}
    )


@pytest.mark.parametrize(
    ("architecture", "head"),
    [
        ("BertForSequenceClassification", "sequence-classification"),
        ("BertModel", "embeddings"),
        ("GPT2LMHeadModel", None),
        ("LlamaForCausalLM", None),
        ("T5ForConditionalGeneration", None),
        ("MarianMTModel", None),
        ("EncoderDecoderModel", None),
    ],
)
def test_the_head_of_a_class(architecture: str, head: str | None) -> None:
    assert head_named(architecture) == head


def test_logprobs_are_those_of_transformers_one_at_a_time(declare: Declare, three: Path) -> None:
    import torch

    model, tokenizer = direct(three, "AutoModelForSequenceClassification")
    requests = [read("classification", text, labels=LABELS, choices=LABELS) for text in CORPUS]
    found = answers(resolve(declare("transformers", model=str(three))), requests)
    chosen = set()
    for text, response in zip(CORPUS, found, strict=True):
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
        positive, negative, neutral = torch.log_softmax(logits, -1).tolist()
        assert response.logprobs == pytest.approx((negative, neutral, positive), abs=1e-4)
        assert response.text == LABELS[max(range(3), key=response.logprobs.__getitem__)]
        assert response.sent == tokenizer.decode(tokenizer(text)["input_ids"])
        chosen.add(response.text)
    assert len(chosen) > 1, "random weights that always say the same would test nothing"


def test_a_pair_of_texts_has_two_segments(declare: Declare, three: Path) -> None:
    import torch

    model, tokenizer = direct(three, "AutoModelForSequenceClassification")
    pairs = [(CORPUS[0], CORPUS[1]), (CORPUS[2], "a dog"), ("a dog", CORPUS[2])]
    requests = [read("classification", *pair, labels=LABELS) for pair in pairs]
    found = answers(resolve(declare("transformers", model=str(three))), requests)
    for pair, response in zip(pairs, found, strict=True):
        encoded = tokenizer(*pair, return_tensors="pt")
        assert encoded["token_type_ids"].max() == 1
        with torch.no_grad():
            positive, negative, neutral = model(**encoded).logits[0].log_softmax(-1).tolist()
        assert response.logprobs == pytest.approx((negative, neutral, positive), abs=1e-4)


def test_labels_match_the_ways_they_are_written_and_several_add_up(
    declare: Declare, checkpoint: Make
) -> None:
    folder = checkpoint("BertForSequenceClassification", num_labels=5)
    stars = {"LABEL_0": "bad", "LABEL_1": "bad", "LABEL_2": "Middling", "LABEL_3": "good"}
    labels = (("bad", ("bad",)), ("good", ("good", "LABEL_4")), ("fair", ("middling",)))
    request = Request("", inputs=Inputs("classification", (CORPUS[0],), labels))
    model = resolve(declare("transformers", model=str(folder), labels=stars))
    (response,) = answers(model, [request])
    own, tokenizer = direct(folder, "AutoModelForSequenceClassification")
    p = own(**tokenizer(CORPUS[0], return_tensors="pt")).logits[0].softmax(-1).tolist()
    expected = [p[0] + p[1], p[3] + p[4], p[2]]
    assert [math.exp(value) for value in response.logprobs] == pytest.approx(expected, abs=1e-5)


def test_labels_that_do_not_match_are_told_from_both_sides(
    declare: Declare, checkpoint: Make, three: Path
) -> None:
    folder = checkpoint("BertForSequenceClassification", num_labels=2)
    model = resolve(declare("transformers", model=str(folder)))
    with pytest.raises(ModelError) as raised:
        answers(model, [read("classification", "a", labels=["yes", "no"])])
    assert "the suite has 'yes', 'no', the head 'LABEL_0', 'LABEL_1'" in str(raised.value)
    assert "labels: {LABEL_0: yes}" in str(raised.value)
    stray = resolve(declare("transformers", model=str(three), labels={"LABEL_7": "yes"}))
    with pytest.raises(
        ModelError, match="names 'LABEL_7', but the labels of the head are 'Positive'"
    ):
        stray.load()


def test_a_head_with_more_labels_than_the_suite_says_which_are_left_out(
    declare: Declare, three: Path
) -> None:
    two = ["negative", "positive"]
    model = resolve(declare("transformers", model=str(three)))
    (response,) = answers(model, [read("classification", CORPUS[0], labels=two)])
    assert response.details["labels_left_out"] == ["neutral"]
    assert response.text in two
    assert len(response.logprobs) == 2


def test_a_single_logit_is_one_label_against_the_other(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForSequenceClassification", id2label={0: "toxic"})
    own, tokenizer = direct(folder, "AutoModelForSequenceClassification")
    model = resolve(declare("transformers", model=str(folder)))
    requests = [read("classification", text, labels=["fine", "toxic"]) for text in CORPUS]
    for text, response in zip(CORPUS, answers(model, requests), strict=True):
        logit = own(**tokenizer(text, return_tensors="pt")).logits[0, 0].item()
        toxic = 1 / (1 + math.exp(-logit))
        expected = (1 - toxic, toxic)
        assert [math.exp(v) for v in response.logprobs] == pytest.approx(expected, abs=1e-4)


def test_labels_that_exclude_nothing_have_a_sigmoid_each(
    declare: Declare, checkpoint: Make
) -> None:
    folder = checkpoint(
        "BertForSequenceClassification",
        id2label={0: "a", 1: "b"},
        problem_type="multi_label_classification",
    )
    own, tokenizer = direct(folder, "AutoModelForSequenceClassification")
    model = resolve(declare("transformers", model=str(folder)))
    (response,) = answers(model, [read("classification", CORPUS[0], labels=["a", "b"])])
    expected = own(**tokenizer(CORPUS[0], return_tensors="pt")).logits[0].sigmoid().tolist()
    assert [math.exp(v) for v in response.logprobs] == pytest.approx(expected, abs=1e-5)


def test_a_decoder_with_a_head_and_no_padding_token(declare: Declare, tmp_path: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    from .conftest import make_tokenizer

    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.6,
        id2label={0: "no", 1: "yes"},
        label2id={"no": 0, "yes": 1},
        pad_token_id=None,
    )
    LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(tmp_path)
    own, tokenizer = direct(tmp_path, "AutoModelForSequenceClassification")
    requests = [read("classification", text, labels=["no", "yes"]) for text in CORPUS]
    found = answers(resolve(declare("transformers", model=str(tmp_path))), requests)
    for text, response in zip(CORPUS, found, strict=True):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        expected = own(input_ids=ids).logits[0].log_softmax(-1).tolist()
        assert response.logprobs == pytest.approx(expected, abs=1e-4)


def test_too_long_and_no_inputs_stop_no_other(declare: Declare, three: Path) -> None:
    model = resolve(declare("transformers", model=str(three)))
    requests = [
        read("classification", "dog " * 100, labels=LABELS),
        Request("a prompt"),
        read("classification", CORPUS[0], labels=LABELS),
    ]
    long, prompt, fine = answers(model, requests)
    assert long.status is Status.OVERFLOW
    assert "tokens, more than the model's context of 64" in long.error
    assert "takes inputs, not prompts" in prompt.error
    assert fine.status is Status.OK


def test_batches_do_not_depend_on_what_is_answered(declare: Declare, three: Path) -> None:
    model = resolve(declare("transformers", model=str(three), batch_rows=2))
    requests = [read("classification", text, labels=LABELS) for text in CORPUS]
    requests.append(requests[0])
    whole = answers(model, requests)
    assert whole[5].logprobs == whole[0].logprobs
    known = frozenset([0, 2, 5])
    rest = dict(pair for batch in model.respond(requests, known) for pair in batch)
    assert set(rest) == {1, 3, 4}
    assert all(rest[i].logprobs == whole[i].logprobs for i in rest)


def test_memory_that_runs_out_halves_batches(
    declare: Declare, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = resolve(declare("transformers", model=str(three)))
    requests = [read("classification", text, labels=LABELS) for text in CORPUS]
    expected = [r.logprobs for r in answers(model, requests)]
    forward = model._runner._checkpoint.model.forward
    sizes = []

    def tight(*args: Any, input_ids: Any, **kwargs: Any) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > 2:
            raise RuntimeError("CUDA out of memory")
        return forward(*args, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(model._runner._checkpoint.model, "forward", tight)
    found = [r.logprobs for r in answers(model, requests)]
    assert max(sizes) > 2
    assert all(a == pytest.approx(b, abs=1e-4) for a, b in zip(found, expected, strict=True))


def test_a_checkpoint_without_a_head_is_refused(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForMaskedLM")
    model = resolve(declare("transformers", model=str(folder), head="sequence-classification"))
    with pytest.raises(ModelError, match="has no weights for a sequence-classification head"):
        model.load()


def test_what_identifies_it(declare: Declare, three: Path) -> None:
    def fingerprint(**options: Any) -> Any:
        return resolve(declare("transformers", model=str(three), **options)).fingerprint()

    first = fingerprint()
    assert first["head"] == "sequence-classification"
    assert first == fingerprint(batch_rows=3)
    assert first != fingerprint(labels={"positive": "good"})
    assert first != fingerprint(dtype="bfloat16")


def test_misspelt_heads_and_options(declare: Declare, three: Path) -> None:
    with pytest.raises(SpecError, match="did you mean 'fill-mask'"):
        resolve(declare("transformers", model=str(three), head="fil-mask"))
    with pytest.raises(SpecError, match="unknown option 'label'; did you mean 'labels'"):
        resolve(declare("transformers", model=str(three), label={"a": "b"}))


def test_a_model_that_is_in_memory_already(declare: Declare, three: Path) -> None:
    from evalkit.models.in_memory import as_model

    own, tokenizer = direct(three, "AutoModelForSequenceClassification")
    handed = as_model("mine", (own, tokenizer))
    assert handed.capabilities.inputs == ("classification",)
    requests = [read("classification", text, labels=LABELS) for text in CORPUS]
    found = answers(handed, requests)
    expected = answers(resolve(declare("transformers", model=str(three))), requests)
    for a, b in zip(found, expected, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)
    first = handed.fingerprint()
    own.classifier.bias.data += 1
    assert as_model("mine", (own, tokenizer)).fingerprint() != first
