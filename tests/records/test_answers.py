"""Answers and samples: what counts, what is shown, what all answers add up to."""

from __future__ import annotations

import pytest

from evalkit.exchange import Status
from evalkit.records import Answer, CheckRecord, SampleRecord


def sample(*answers: Answer) -> SampleRecord:
    return SampleRecord("1", 0, {"q": "a"}, ["b"], "a", list(answers))


@pytest.mark.parametrize("status", [*(str(one) for one in Status), "unparsed"])
def test_what_counts(status: str) -> None:
    answer = Answer(status=status)
    assert answer.counts("wrong") is (status not in ("error", "overflow"))
    assert answer.counts("exclude") is (status not in ("error", "overflow", "unparsed"))


def test_a_check_is_shown_once_as_the_first_answer_that_breaks_it_says() -> None:
    good, bad = (
        CheckRecord("json: true", True, "valid JSON"),
        CheckRecord("json: true", False, "no"),
    )
    assert sample(Answer(checks=(good,))).checks == [good]
    assert sample(Answer(checks=(bad,))).checks == [bad]
    several = sample(Answer(checks=(good,)), Answer(checks=(bad,)), Answer(checks=(bad,)))
    assert several.checks == [CheckRecord("json: true", False, "answer 2: no")]


def test_a_sample_is_all_of_its_answers() -> None:
    one = sample(Answer("x", cached=True, seconds=0.5), Answer("y", status="error", seconds=0.25))
    assert (one.output, one.seconds, one.cached, one.unanswered) == ("x", 0.75, False, True)
    one.shown = 1
    assert (one.output, one.status) == ("y", "error")


def test_values_are_what_suites_can_name() -> None:
    values = Answer("text", finish="stop", prompt_tokens=3, details={"a": 1}).values()
    assert (values["text"], values["finish"], values["details"]) == ("text", "stop", {"a": 1})
    assert values["usage"] == {"prompt_tokens": 3, "completion_tokens": None, "cost": None}
