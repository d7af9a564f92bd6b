from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Inputs, Request, Status
from evalkit.models.registry import resolve

from .conftest import CORPUS, answers, direct, read

Declare = Callable[..., Any]
Make = Callable[..., Path]

# tokens


@pytest.mark.parametrize("scheme", ["bio", "plain", "bilou"])
def test_tags_are_those_of_the_first_sub_words(
    declare: Declare, checkpoint: Make, scheme: str
) -> None:
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


def test_a_token_of_which_nothing_is_kept_is_outside(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForTokenClassification", id2label={0: "B-PER", 1: "I-PER"})
    model = resolve(declare("transformers", model=str(folder)))
    (response,) = answers(model, [read("token-classification", "ada", "\u200b", "fox")])
    assert json.loads(response.text)[1] == "O"
    assert response.details["unread_tokens"] == ["\u200b"]


def test_a_tagger_that_knows_no_label_of_the_suite(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForTokenClassification", num_labels=3)
    model = resolve(declare("transformers", model=str(folder)))
    with pytest.raises(ModelError, match="the suite has 'PER', the head 'LABEL_0'"):
        answers(model, [read("token-classification", "ada", labels=["PER"])])
    names = {"LABEL_0": "O", "LABEL_1": "B-PER", "LABEL_2": "I-PER"}
    told = resolve(declare("transformers", model=str(folder), labels=names))
    (response,) = answers(told, [read("token-classification", "ada", labels=["PER"])])
    assert set(json.loads(response.text)) <= set(names.values())


# extractive question answering

QUESTION = "what is the capital ?"
LONG = " ".join(CORPUS * 3)


def spans_by_hand(own: Any, tokenizer: Any, context: str, size: int, overlap: int) -> Any:
    """Every span of every window with its score, and the null score, in plain loops."""
    words = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
    question = tokenizer(QUESTION, add_special_tokens=False)["input_ids"]
    room, start, scores, nulls = size - len(question) - 3, 0, {}, []
    while True:
        import torch

        part = words["input_ids"][start : start + room]
        ids = [2, *question, 3, *part, 3]
        types = [0] * (len(question) + 2) + [1] * (len(part) + 1)
        with torch.no_grad():
            out = own(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]))
        begin, end = out.start_logits[0].tolist(), out.end_logits[0].tolist()
        nulls.append(begin[0] + end[0])
        for i in range(len(part)):
            for j in range(i, min(i + 5, len(part))):
                first = len(question) + 2
                score = begin[first + i] + end[first + j]
                offsets = words["offset_mapping"]
                key = (offsets[start + i][0], offsets[start + j][1])
                scores[key] = max(score, scores.get(key, -math.inf))
        if start + room >= len(words["input_ids"]):
            return scores, min(nulls), len(nulls)
        start += room - overlap


@pytest.mark.parametrize("context", [CORPUS[2], LONG])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_best_span_is_that_of_all_windows(
    declare: Declare, checkpoint: Make, context: str, seed: int
) -> None:
    folder = checkpoint("BertForQuestionAnswering", seed=seed)
    own, tokenizer = direct(folder, "AutoModelForQuestionAnswering")
    model = resolve(
        declare("transformers", model=str(folder), window=40, overlap=10, max_answer_tokens=5)
    )
    (response,) = answers(model, [read("extractive-qa", QUESTION, context)])
    scores, null, windows = spans_by_hand(own, tokenizer, context, 40, 10)
    (start, end), best = max(scores.items(), key=lambda item: item[1])
    assert response.details["windows"] == windows
    assert (windows > 2) == (context == LONG)
    assert response.details["null_score"] == pytest.approx(null, abs=1e-4)
    listed = response.details["n_best"]
    assert listed[0]["score"] == pytest.approx(best, abs=1e-4)
    assert listed[0]["text"] == context[start:end]
    expected = sorted(scores.values(), reverse=True)[:5]
    assert [span["score"] for span in listed] == pytest.approx(expected, abs=1e-4)
    assert response.text == ("" if null > best else context[start:end])


def test_no_answer_by_threshold_and_switched_off(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForQuestionAnswering")
    request = read("extractive-qa", QUESTION, CORPUS[2])

    def ask(**options: Any) -> Any:
        return answers(resolve(declare("transformers", model=str(folder), **options)), [request])[0]

    plain = ask(no_answer=False)
    lead = plain.details["null_score"] - plain.details["n_best"][0]["score"]
    assert plain.text
    assert ask(no_answer_threshold=lead + 0.01).text == plain.text
    empty = ask(no_answer_threshold=lead - 0.01)
    assert (empty.status, empty.text) == (Status.OK, "")
    assert "no answer: its score" in empty.details["how"]


def test_a_question_longer_than_the_window_is_an_error(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForQuestionAnswering")
    model = resolve(declare("transformers", model=str(folder), window=16))
    long, fine = answers(
        model, [read("extractive-qa", LONG, "a"), read("extractive-qa", "a", "fox")]
    )
    assert long.status is Status.ERROR
    assert "leaves no room in a window of 16" in long.error
    assert fine.answered


# masks


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
        assert response.details["candidates"] == [tokenizer.decode([i]).strip() for i in ranked]
        assert response.details["candidate_logprobs"] == pytest.approx(
            [scores[i] for i in ranked], abs=1e-4
        )
        assert response.text == response.details["candidates"][0]


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
    assert response.details["candidates"] == [words for _, words in joint]
    assert response.text == joint[0][1]


def test_a_text_without_a_mask_is_an_error(declare: Declare, checkpoint: Make) -> None:
    model = resolve(declare("transformers", model=str(checkpoint("BertForMaskedLM"))))
    (response,) = answers(model, [read("fill-mask", "the fox")])
    assert "no [MASK]" in response.error


# embeddings


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_the_nearest_label_by_cosine(declare: Declare, checkpoint: Make, pooling: str) -> None:
    import torch

    folder = checkpoint("BertModel")
    own, tokenizer = direct(folder, "AutoModel")

    def vector(text: str) -> Any:
        with torch.no_grad():
            states = own(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return {"mean": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]

    labels = (("animals", ("the dog",)), ("films", ("film review",)), ("places", ("london",)))
    requests = [Request("", inputs=Inputs("classification", (t,), labels)) for t in CORPUS]
    model = resolve(
        declare(
            "transformers",
            model=str(folder),
            pooling=pooling,
            label_template="about {} ?",
            temperature=0.5,
        )
    )
    for text, response in zip(CORPUS, answers(model, requests), strict=True):
        cosines = [
            torch.cosine_similarity(vector(text), vector(f"about {ways[0]} ?"), dim=0).item()
            for _, ways in labels
        ]
        assert list(response.details["cosines"].values()) == pytest.approx(cosines, abs=1e-5)
        expected = torch.tensor(cosines).div(0.5).log_softmax(0).tolist()
        assert response.logprobs == pytest.approx(expected, abs=1e-4)
        assert response.text == labels[cosines.index(max(cosines))][0]
        assert "nearest label embedding" in response.details["method"]


def test_pooling_is_what_sentence_transformers_wrote(declare: Declare, checkpoint: Make) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer import modules

    folder = checkpoint("BertModel")
    own = modules.Transformer(str(folder))
    pooling = modules.Pooling(16, pooling_mode="cls")
    whole = sentence_transformers.SentenceTransformer(modules=[own, pooling], device="cpu")
    whole.save_pretrained(str(folder.parent / "sentences"))
    model = resolve(declare("transformers", model=str(folder.parent / "sentences")))
    assert model.fingerprint()["pooling"] == "cls"
    (response,) = answers(model, [read("classification", CORPUS[0], labels=["dog", "film"])])
    text, dog, film = whole.encode([CORPUS[0], "dog", "film"], normalize_embeddings=True)
    expected = [float(text @ dog), float(text @ film)]
    assert list(response.details["cosines"].values()) == pytest.approx(expected, abs=1e-4)
