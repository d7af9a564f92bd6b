from __future__ import annotations

import json

import pytest

from evalkit.errors import ModelError
from evalkit.models.registry import resolve
from tests.models.conftest import CORPUS

from .conftest import Declare, Make, answers, direct, read

# tokens


@pytest.mark.parametrize("scheme", ["bio", "plain", "bilou"])
def test_tags_come_from_first_sub_words(declare: Declare, checkpoint: Make, scheme: str) -> None:
    names = {
        "bio": ["O", "B-PER", "I-PER", "B-LOC"],
        "plain": ["O", "PER", "LOC"],
        "bilou": ["O", "B-PER", "L-PER", "U-LOC"],
    }[scheme]
    folder = checkpoint("BertForTokenClassification", id2label=dict(enumerate(names)))
    own, tokenizer = direct(folder, "AutoModelForTokenClassification")
    sentences = [text.split() for text in CORPUS]
    assert any(len(tokenizer.tokenize(word)) > 1 for words in sentences for word in words)
    requests = [read("token-classification", *words, labels=["PER", "LOC"]) for words in sentences]
    found = answers(resolve(declare("transformers", model=str(folder))), requests)
    seen = set()
    for words, response in zip(sentences, found, strict=True):
        best = own(**tokenizer(" ".join(words), return_tensors="pt")).logits[0].argmax(-1).tolist()
        place, tags = 1, []
        for word in words:
            tags.append(names[best[place]])
            place += len(tokenizer.tokenize(word))
        got = json.loads(response.text)
        if scheme == "bio":
            assert got == tags
        elif scheme == "bilou":
            assert got == [t.replace("L-", "E-").replace("U-", "S-") for t in tags]
        else:
            assert [tag.rpartition("-")[2] for tag in got] == tags
            for i, tag in enumerate(tags):
                begins = tag != "O" and (i == 0 or tags[i - 1] != tag)
                assert tag == "O" or got[i].startswith("B-" if begins else "I-")
        seen.update(tags)
    assert len(seen) > 1


def test_a_token_without_sub_words_is_outside(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForTokenClassification", id2label={0: "B-PER", 1: "I-PER"})
    model = resolve(declare("transformers", model=str(folder)))
    (response,) = answers(model, [read("token-classification", "ada", "\u200b", "fox")])
    assert json.loads(response.text)[1] == "O"
    assert response.details["unread_tokens"] == ["\u200b"]


def test_a_tagger_without_any_label_of_the_suite_is_an_error(
    declare: Declare, checkpoint: Make
) -> None:
    folder = checkpoint("BertForTokenClassification", num_labels=3)
    model = resolve(declare("transformers", model=str(folder)))
    with pytest.raises(ModelError, match="the suite has 'PER', the head 'LABEL_0'"):
        answers(model, [read("token-classification", "ada", labels=["PER"])])
    names = {"LABEL_0": "O", "LABEL_1": "B-PER", "LABEL_2": "I-PER"}
    told = resolve(declare("transformers", model=str(folder), labels=names))
    (response,) = answers(told, [read("token-classification", "ada", labels=["PER"])])
    assert set(json.loads(response.text)) <= set(names.values())


# extractive question answering


# masks


# embeddings
