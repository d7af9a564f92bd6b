"""Spans of a context: the best of all windows, or none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from evalkit.exchange import Status
from evalkit.models.registry import resolve
from tests.models.conftest import CORPUS

from .conftest import Declare, Make, answers, direct, read

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
def test_the_best_span_is_found_over_all_windows(
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


def test_no_answer_follows_the_threshold_and_can_be_disabled(
    declare: Declare, checkpoint: Make
) -> None:
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
