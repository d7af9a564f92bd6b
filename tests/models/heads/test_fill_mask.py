"""Words for a mask are the model's most likely tokens."""

from __future__ import annotations

import pytest

from evalkit.models.registry import resolve

from .conftest import Declare, Make, answers, direct, read


def test_words_for_a_mask_are_the_most_likely_tokens(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForMaskedLM")
    own, tokenizer = direct(folder, "AutoModelForMaskedLM")
    texts = ["the [MASK] brown fox", "paris is a [MASK] on the seine in france", "[MASK]"]
    requests = [read("fill-mask", text) for text in texts]
    found = answers(resolve(declare("transformers", model=str(folder), top_k=4)), requests)
    for text, response in zip(texts, found, strict=True):
        encoded = tokenizer(text, return_tensors="pt")
        place = encoded["input_ids"][0].tolist().index(4)
        scores = own(**encoded).logits[0, place].log_softmax(-1).tolist()
        ranked = sorted(range(len(scores)), key=lambda i: -scores[i])[:4]
        assert list(response.candidates or ()) == [tokenizer.decode([i]).strip() for i in ranked]
        assert response.details["candidate_logprobs"] == pytest.approx(
            [scores[i] for i in ranked], abs=1e-4
        )
        assert response.candidates
        assert response.text == response.candidates[0]


def test_several_masks_are_filled_independently(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForMaskedLM")
    own, tokenizer = direct(folder, "AutoModelForMaskedLM")
    text = "the [MASK] brown [MASK] jumps"
    model = resolve(declare("transformers", model=str(folder), top_k=6))
    (response,) = answers(model, [read("fill-mask", text)])
    encoded = tokenizer(text, return_tensors="pt")
    places = [i for i, token in enumerate(encoded["input_ids"][0].tolist()) if token == 4]
    first, second = own(**encoded).logits[0, places].log_softmax(-1).tolist()
    joint = sorted(
        (
            (x + y, f"{tokenizer.decode([a]).strip()} {tokenizer.decode([b]).strip()}")
            for a, x in enumerate(first)
            for b, y in enumerate(second)
        ),
        reverse=True,
    )[:6]
    assert response.candidates == tuple(words for _, words in joint)
    assert response.text == joint[0][1]


def test_a_text_without_a_mask_is_an_error(declare: Declare, checkpoint: Make) -> None:
    model = resolve(declare("transformers", model=str(checkpoint("BertForMaskedLM"))))
    (response,) = answers(model, [read("fill-mask", "the fox")])
    assert "no [MASK]" in response.error
