"""Extracting an answer from a text: what counts, and what is rejected as unclear."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.answers import METHODS, Extracted, take
from evalkit.errors import UsageError

SENTIMENT = {"positive": ["positive"], "negative": ["negative"], "neutral": ["neutral"]}
GRADED = {"very positive": ["very positive"], "positive": ["positive", "good"], "negative": []}
CITIES = ["London", "Paris", "Rome", "New York"]


@pytest.mark.parametrize(
    "text",
    [
        "positive",
        " Positive\n",
        "POSITIVE!!!",
        "**Positive.**",
        "_positive_",
        '"positive".',
        "`positive`",
        "Ｐｏｓｉｔｉｖｅ",
        "Sentiment: positive",
        "The sentiment is positive.",
        "I think this is a positive review because the author liked it.",
        "No, it's positive",
        "There is no doubt that it is positive.",
        "positive, not sure why",
        "Positive. The author would be positive about it again.",
    ],
)
def test_a_label_that_is_the_only_one_mentioned(text: str) -> None:
    assert take(text, "label", labels=SENTIMENT).prediction == "positive"


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


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("very positive", GRADED, "very positive"),
        ("It is a Very-Positive review", GRADED, "very positive"),
        ("positive", GRADED, "positive"),
        ("a good one", GRADED, "positive"),
        ("very positive or just positive", GRADED, None),
        ("non-toxic", {"toxic": [], "safe": []}, None),
        ("non-toxic", {"toxic": [], "non-toxic": []}, "non-toxic"),
        ("This is non toxic.", {"toxic": [], "non-toxic": []}, "non-toxic"),
        ("nicht positiv", {"gut": ["positiv"], "schlecht": ["negativ"]}, None),
        ("Die Rezension ist positiv.", {"gut": ["positiv"], "schlecht": ["negativ"]}, "gut"),
        ("这是积极的", {"积极": [], "消极": []}, "积极"),
        ("这不积极", {"积极": [], "消极": []}, None),
        ("Größe", {"größe": [], "farbe": []}, "größe"),
        ("GROSSE", {"große": [], "farbe": []}, "große"),
        ("Yes, without a doubt.", {"yes": [], "no": []}, "yes"),
        ("No, it is not.", {"yes": [], "no": []}, "no"),
        ("yes and no", {"yes": [], "no": []}, None),
        ("not_entailment", {"entailment": [], "not_entailment": []}, "not_entailment"),
        ("I rate it 4.", {"4": [], "5": []}, "4"),
        ("I rate it 4.5", {"4": [], "5": []}, None),
        ("-1", {"-1": [], "1": []}, "-1"),
        ("A good film", {"A": [], "B": []}, None),
        ("Label: A.", {"A": [], "B": []}, "A"),
        ("+", {"+": [], "-": []}, "+"),
    ],
)
def test_labels_of_many_kinds(
    text: str, labels: dict[str, list[str]], expected: str | None
) -> None:
    assert take(text, "label", labels=labels).prediction == expected


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "b",
        "b)",
        "(B)",
        "B.",
        "**B**",
        "B. Paris",
        "B) Paris",
        "(B) Paris is the capital",
        "B: Paris",
        "Answer: B",
        "The answer is B",
        "The answer is (B) Paris.",
        "The correct answer is:\n\nB",
        "Option B",
        "option b.",
        "I think B",
        "I choose B.",
        "B because it is the capital",
        "B is correct",
        "Paris",
        "A capital like this can only be Paris",
        "The answer is **B) Paris**, not London",
    ],
)
def test_a_choice_by_letter_or_text(text: str) -> None:
    assert take(text, "label", choices=CITIES).prediction == "Paris"


@pytest.mark.parametrize(
    "text",
    [
        "A city in France",
        "The answer is A city",
        "I am not sure",
        "A or B",
        "It could be A, B or C",
        "A) London B) Paris",
        "B. London",
        "E",
        "Not B",
        "B isn't correct",
        "It's not Paris",
        "London or Paris",
        "Vitamin C",
    ],
)
def test_a_choice_that_is_unclear(text: str) -> None:
    assert take(text, "label", choices=CITIES).prediction is None


def test_the_letter_a_counts_where_it_can_only_be_a_letter() -> None:
    for text in ("A", "a)", "A. London", "The answer is A.", "(A)", "Answer: A"):
        assert take(text, "label", choices=CITIES).prediction == "London", text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The answer is 42.", "42"),
        ("first 1 then 2", "2"),
        ("1,234,567 people", "1234567"),
        ("$1,234.50", "1234.5"),
        ("1.234,56", "1234.56"),
        ("1.234.567", "1234567"),
        ("3,14", "3.14"),
        ("1,2,3", "3"),
        ("1\u202f234", "1234"),
        ("-5", "-5"),
        ("\u22125", "-5"),
        ("between 3-5", None),
        ("45%", "45"),
        ("0.50", "0.5"),
        (".5", "0.5"),
        ("007", "7"),
        ("-0", "0"),
        ("1.5e-3", "0.0015"),
        ("6/8", "3/4"),
        ("8/4", "2"),
        ("1 1/2", "3/2"),
        ("3½", "7/2"),
        ("12/05/2020", None),
        ("٣", "3"),
        ("H2O", None),
        ("none", None),
    ],
)
def test_numbers(text: str, expected: str | None) -> None:
    assert take(text, "number").prediction == expected


def test_the_first_number() -> None:
    assert take("first 1 then 2", "number", which="first").prediction == "1"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('{"label": "positive"}', "$.label", "positive"),
        ('Sure:\n```json\n{"label": "positive"}\n```\nDone', "$.label", "positive"),
        ('```\n{"label": "positive"}\n```', "$.label", "positive"),
        ('x {"a": [{"b": 3}]} y {"a": []}', "$.a[0].b", "3"),
        ('x {"a b": 1}', "$['a b']", "1"),
        ('see [1]: {"label": "x"}', "label", "x"),
        ('{"a": true}', "$.a", "true"),
        ('{"a": {"b": [1, "é"]}}', "$.a", '{"b": [1, "é"]}'),
        ('"hi"', "$", "hi"),
        ('{"a": null}', "$.a", None),
        ('{"a": 1}', "$.b", None),
        ('{"a": 1', "$.a", None),
        ('{"a": NaN}', "$.a", None),
        ("no json", "$.a", None),
    ],
)
def test_json(text: str, path: str, expected: str | None) -> None:
    assert take(text, "json", path=path).prediction == expected


def test_regex() -> None:
    assert take("a=1 b=2", "regex", pattern=r"b=(\d)").prediction == "2"
    assert take("a=1 b=2", "regex", pattern=r"[ab]=\d").prediction == "a=1"
    assert take("x: yes", "regex", pattern=r"(\w): (\w+)", group=2).prediction == "yes"
    assert take("x: yes", "regex", pattern=r"(?P<v>yes)", group="v").prediction == "yes"
    assert take("x", "regex", pattern=r"(\d)").prediction is None
    assert take("x", "regex", pattern=r"x(\d)?").prediction is None


def test_text_after_a_marker() -> None:
    text = "Answer: Paris\nNo wait.\n**answer:** Rome \nmore"
    assert take(text, "after", marker="Answer:").prediction == "Rome"
    assert take(text, "after", marker="Answer:", which="first").prediction == "Paris"
    assert take("Answer:\n\n Rome\n", "after", marker="Answer:").prediction == "Rome"
    assert take("Answer: ", "after", marker="Answer:").prediction is None
    assert take("Rome", "after", marker="Answer:").prediction is None


def test_the_extracted_text_is_matched_with_labels() -> None:
    long = "It is not negative.\nFinal: Positive."
    assert take(long, "label", labels=SENTIMENT).prediction is None
    taken = take(long, "after", marker="Final:", labels=SENTIMENT)
    assert taken.prediction == "positive"
    assert "Final:" in taken.explanation
    assert "positive" in taken.explanation
    assert take('{"a": "great"}', "json", path="$.a", labels=SENTIMENT).prediction is None
    assert take("so: (C)", "regex", pattern=r"so: (.*)", choices=CITIES).prediction == "Rome"


def test_whole() -> None:
    assert take("  a b\n", "whole").prediction == "a b"
    assert take("  \n", "whole").prediction is None


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


@pytest.mark.parametrize(
    ("which", "expected"),
    [("first", "negative"), ("last", "positive"), ("only", None), (None, None)],
)
def test_the_first_or_last_label_counts_if_the_suite_says_so(
    which: str | None, expected: str | None
) -> None:
    text = "It begins negative, but it turns out positive."
    labels = {"positive": ["positive"], "negative": ["negative"]}
    assert take(text, "label", labels=labels, which=which).prediction == expected


def test_a_denied_first_label_is_no_answer() -> None:
    labels = {"positive": ["positive"], "negative": ["negative"]}
    taken = take("It is not positive, rather negative.", "label", labels=labels, which="first")
    assert taken.prediction is None
    assert "denied" in taken.explanation


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


@given(
    st.sampled_from(["", " ", "**", '"', "(", "- ", "\n"]),
    st.sampled_from(["", ".", "!", "**", '"', ")", "\n"]),
)
def test_a_label_in_any_wrapping_is_direct(before: str, after: str) -> None:
    taken = take(f"{before}Very positive{after}", "label", labels=GRADED)
    assert taken == Extracted("very positive", "the answer is the label 'very positive'")


@settings(deadline=None)
@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=4))
def test_numbers_survive_formatting(value: Decimal) -> None:
    for text in (f"{value:f}", f"about {value:,f} units.", f"= {value:f}%"):
        taken = take(text, "number").prediction
        assert taken is not None
        assert Decimal(taken) == value
