"""Several answers to each question, by hand."""

from __future__ import annotations

from math import isnan

import pytest

from evalkit.records import Answer, SampleRecord
from evalkit.scoring.repeats import flake_rate, summarise


def sample(*answers: Answer) -> SampleRecord:
    return SampleRecord("1", 0, {}, ["x"], "q", list(answers))


def right(value: bool | None) -> Answer:
    return Answer("x", correct=value)


def test_scores_are_means_over_the_answers_that_count() -> None:
    one = sample(
        Answer("", status="error"),
        Answer("a", status="unparsed", scores={"f1": 0.0}),
        Answer("b", scores={"f1": 0.5, "length": 3.0}),
        Answer("c", scores={"f1": 1.0}),
    )
    summarise(one, "wrong")
    assert (one.scores["f1"], one.scores["length"], one.shown) == (0.5, 3.0, 1)
    summarise(one, "exclude")
    assert (one.scores["f1"], one.shown) == (0.75, 2)


def test_a_question_is_flaky_if_its_answers_differ() -> None:
    samples = [
        sample(right(True), right(True), right(None)),
        sample(right(True), right(False), right(True)),
        sample(right(False), right(False), right(False)),
        sample(right(True), right(None), right(False)),
        sample(right(True), right(None), right(None)),  # one answer shows nothing
    ]
    score = flake_rate(samples, 0.95)
    assert (score.value, score.n) == (0.5, 4)
    assert score.low < 0.5 < score.high


def test_single_answers_have_no_flake_rate() -> None:
    score = flake_rate([sample(right(True))], 0.95)
    assert isnan(score.value)
    assert score.note == "undefined: no question has two answers"


@pytest.mark.parametrize("answers", [[right(None)], [Answer("", status="error")]])
def test_a_sample_without_scores_has_none(answers: list[Answer]) -> None:
    one = sample(*answers)
    summarise(one, "wrong")
    assert (one.scores, one.shown) == ({}, 0)
