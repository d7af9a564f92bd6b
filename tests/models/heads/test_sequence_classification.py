from __future__ import annotations

import math
from pathlib import Path

import pytest

from evalkit.models.registry import resolve
from tests.models.conftest import CORPUS

from .conftest import LABELS, Declare, Make, answers, direct, read


def test_logprobs_equal_transformers_one_at_a_time(declare: Declare, three: Path) -> None:
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


def test_multi_label_heads_use_a_sigmoid_per_label(declare: Declare, checkpoint: Make) -> None:
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

    from tests.models.conftest import make_tokenizer

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
