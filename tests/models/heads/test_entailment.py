"""Whether a claim follows from a passage, by heads with an entailment label."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.judging.prompts import Question
from evalkit.judging.reply import entailment_requests, read_entailment
from evalkit.judging.rubric import CONTRADICTED, NOT_FOUND, SUPPORTED
from evalkit.models.registry import resolve
from evalkit.passages import Passage
from tests.models.conftest import CORPUS

from .conftest import answers, direct

Declare = Callable[..., Any]
Make = Callable[..., Path]
NLI = {0: "CONTRADICTION", 1: "neutral", 2: "Entailment"}
CLAIM = "a dog"


@pytest.fixture(scope="module")
def nli(checkpoint: Make) -> Path:
    return checkpoint("BertForSequenceClassification", id2label=NLI)


def question(*texts: str, claim: str = CLAIM) -> Question:
    passages = tuple(Passage(str(i), text) for i, text in enumerate(texts))
    allowed = {SUPPORTED: 1.0, CONTRADICTED: 0.0, NOT_FOUND: 0.0}
    return Question("", "", allowed, "Verdict", "", claim=claim, passages=passages)


def logits(folder: Path, premise: str, claim: str, labels: int = 3) -> list[float]:
    import torch

    model, tokenizer = direct(folder, "AutoModelForSequenceClassification")
    with torch.no_grad():
        return model(**tokenizer(premise, claim, return_tensors="pt")).logits[0].tolist()


def test_probabilities_are_those_of_the_head(declare: Declare, nli: Path) -> None:
    asked = question(*CORPUS)
    found = answers(resolve(declare("transformers", model=str(nli))), entailment_requests(asked))
    for passage, response in zip(CORPUS, found, strict=True):
        raw = logits(nli, passage, CLAIM)
        total = math.log(sum(map(math.exp, raw)))
        entails, contradicts, neutral = response.logprobs
        assert (contradicts, neutral, entails) == pytest.approx(
            tuple(value - total for value in raw), abs=1e-4
        )


def test_a_long_passage_is_read_in_windows(declare: Declare, nli: Path) -> None:
    """The decision is that of the decisive window, each computed by transformers alone."""
    long = " ".join(CORPUS * 3)
    [request] = entailment_requests(question(long))
    model, tokenizer = direct(nli, "AutoModelForSequenceClassification")
    room = 64 - len(tokenizer("", CLAIM)["input_ids"])
    encoded = tokenizer(
        long,
        CLAIM,
        truncation="only_first",
        max_length=64,
        stride=room // 2,
        return_overflowing_tokens=True,
        return_tensors="pt",
        padding=True,
    )
    import torch

    assert len(encoded["input_ids"]) > 2
    with torch.no_grad():
        kept = {k: v for k, v in encoded.items() if k != "overflow_to_sample_mapping"}
        raw = model(**kept).logits.log_softmax(-1).tolist()
    best = [0, 1, 2]
    for label in (2, 0):
        agreeing = [row for row in raw if max(row) == row[label]]
        if agreeing:
            best = max(agreeing, key=lambda row: row[label])
            break
    else:
        best = max(raw, key=lambda row: row[2])
    [response] = answers(resolve(declare("transformers", model=str(nli))), [request])
    entails, contradicts, neutral = response.logprobs
    assert (contradicts, neutral, entails) == pytest.approx(best, abs=1e-4)
    assert "window" in response.details["windows"]
    assert response.sent.count("[CLS]") == len(raw)


def test_a_claim_that_leaves_no_room_is_an_overflow(declare: Declare, nli: Path) -> None:
    [request] = entailment_requests(question("a dog", claim=" ".join(CORPUS * 3)))
    [response] = answers(resolve(declare("transformers", model=str(nli))), [request])
    assert response.status is Status.OVERFLOW


@pytest.mark.parametrize(
    "labels", [{0: "entailment", 1: "not_entailment"}, {0: "not_entailment", 1: "entailment"}]
)
def test_two_labels_never_contradict(
    declare: Declare, checkpoint: Make, labels: dict[int, str]
) -> None:
    folder = checkpoint("BertForSequenceClassification", id2label=labels)
    asked = question(*CORPUS)
    found = answers(resolve(declare("transformers", model=str(folder))), entailment_requests(asked))
    assert all(one.logprobs[1] == -math.inf for one in found)
    assert sum(map(math.exp, found[0].logprobs)) == pytest.approx(1)
    reply = read_entailment(asked, found)
    assert reply.answer in (SUPPORTED, NOT_FOUND)
    assert reply.probabilities[CONTRADICTED] == 0


def test_a_single_logit_is_the_probability_of_entailment(
    declare: Declare, checkpoint: Make
) -> None:
    folder = checkpoint("BertForSequenceClassification", id2label={0: "entailment"})
    [request] = entailment_requests(question(CORPUS[0]))
    [response] = answers(resolve(declare("transformers", model=str(folder))), [request])
    [logit] = logits(folder, CORPUS[0], CLAIM)
    assert math.exp(response.logprobs[0]) == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-4)
    assert math.exp(response.logprobs[2]) == pytest.approx(1 / (1 + math.exp(logit)), abs=1e-4)


def test_a_head_without_an_entailment_label_is_refused(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForSequenceClassification", id2label={0: "good", 1: "bad"})
    model = resolve(declare("transformers", model=str(folder)))
    with pytest.raises(ModelError, match="without 'entailment'"):
        answers(model, entailment_requests(question("a dog")))
    renamed = declare("transformers", model=str(folder), labels={"good": "entailment"})
    [response] = answers(resolve(renamed), entailment_requests(question("a dog")))
    assert response.status is Status.OK


READINGS = {
    "neutral": (-3.0, -2.5, -0.2),
    "near": (-1.0, -3.0, -0.5),
    "entails": (-0.3, -3.0, -1.5),
    "surely": (-0.1, -3.0, -3.0),
    "contradicts": (-4.0, -0.05, -4.0),
}


@pytest.mark.parametrize(
    ("readings", "verdict", "passage"),
    [
        (["neutral", "entails", "surely"], SUPPORTED, "2"),
        (["contradicts", "entails"], SUPPORTED, "1"),
        (["neutral", "contradicts"], CONTRADICTED, "1"),
        (["neutral", "near"], NOT_FOUND, "1"),
        ([], NOT_FOUND, None),
    ],
)
def test_the_best_passage_decides(readings: list[str], verdict: str, passage: str | None) -> None:
    asked = question(*readings)
    responses = [Response(Status.OK, logprobs=READINGS[name]) for name in readings]
    reply = read_entailment(asked, responses)
    assert (reply.answer, reply.passage) == (verdict, passage)


def test_one_failed_passage_leaves_the_claim_open() -> None:
    asked = question("a", "b")
    failed = Response(Status.ERROR, error="out of memory")
    reply = read_entailment(asked, [Response(Status.OK, logprobs=READINGS["surely"]), failed])
    assert (reply.status, reply.answer, reply.error) == (Status.ERROR, None, "out of memory")


def test_windows_have_keys_of_their_own() -> None:
    """Cached answers of plain classification keep theirs."""
    from dataclasses import replace

    from evalkit.store import response_key

    [request] = entailment_requests(question("a dog"))
    assert request.inputs is not None
    plain = Request(request.prompt, inputs=replace(request.inputs, optional=(), windowed=False))
    assert response_key("m", request) != response_key("m", plain)
