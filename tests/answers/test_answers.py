"""Extracting an answer from a text: what counts, and what is rejected as unclear."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.answers import METHODS, Extracted, take
from evalkit.errors import UsageError

SENTIMENT = {"positive": ["positive"], "negative": ["negative"], "neutral": ["neutral"]}
CITIES = ["London", "Paris", "Rome", "New York"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "I cannot say.",
        "positively glowing",
        "unpositive",
        "positive or negative",
        "positive\nnegative",
        "neither positive nor negative",
        "Neither positive, nor negative.",
        "not positive",
        "It isn't positive.",
        "It isn’t really positive.",
        "isnt positive",
        "This is not a positive review",
        "I don't think it is positive.",
        "cannot be called positive",
        "There is nothing positive here",
        "far from positive",
        "non-positive",
        "not *positive*",
        "positive is not the right word",
        "Positive would be wrong.",
        "The positive label is incorrect",
        "Positive? It is not positive.",
    ],
)
def test_unclear_answers_are_never_guessed(text: str) -> None:
    taken = take(text, "label", labels=SENTIMENT)
    assert taken.prediction is None
    assert taken.explanation


def test_the_explanation_says_why_there_is_no_answer() -> None:
    def how(text: str) -> str:
        return take(text, "label", labels=SENTIMENT).explanation

    assert how("hm") == "no label is mentioned"
    assert how("positive or neutral") == "several labels are mentioned: 'positive', 'neutral'"
    assert how("It is not positive.") == "'positive' is denied: \"not positive\""
    assert how("") == "the answer is empty"


def test_a_wrong_declaration_is_an_error_not_an_unparsed_answer() -> None:
    with pytest.raises(UsageError, match="regex"):
        take("x", "regexp")
    with pytest.raises(UsageError, match="not valid"):
        take("x", "regex", pattern="(")
    with pytest.raises(UsageError, match="no group"):
        take("x", "regex", pattern="x", group=3)
    with pytest.raises(UsageError, match="pattern"):
        take("x", "regex")
    with pytest.raises(UsageError, match="JSON path"):
        take("{}", "json", path="$..a")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, "1," * 100_000, "not " * 50_000, "(A) " * 30_000]
)
def test_long_odd_answers_are_parsed_quickly(text: str) -> None:
    start = time.perf_counter()
    for method in ("label", "number", "json"):
        take(text, method, labels=SENTIMENT)
    take(text, "label", choices=CITIES)
    assert time.perf_counter() - start < 10


ODD_TEXT = st.text(
    st.sampled_from("ABab .,:()[]{}*'’\"-−½²٣१①\n1234567890%/$e+ſßİ不") | st.characters()
)


@settings(deadline=None)
@given(ODD_TEXT, st.sampled_from(METHODS), st.sampled_from(["first", "last"]))
def test_any_text_can_be_parsed(text: str, method: str, which: str) -> None:
    options = {"pattern": r"\w+", "path": "$.a", "marker": "a", "which": which}
    assert isinstance(take(text, method, **options), Extracted)
    labelled = take(text, method, labels={"a": [], "12": [], "ß": [], "no": []}, **options)
    assert labelled.prediction in ("a", "12", "ß", "no", None)
    chosen = take(text, method, choices=CITIES, **options)
    assert chosen.prediction in (*CITIES, None)
