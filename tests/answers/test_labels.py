"""Labels in answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.answers import Extracted, take
from tests.answers.test_answers import CITIES

SENTIMENT = ["positive", "negative", "neutral"]
SIGNED, STARS, COUNTS = ["-1", "0", "1"], ["1", "2", "3", "4", "5"], ["0", "1", "2"]
AGES = ["<18", "18-25", "26-35", "36+"]
GRADED = {"very positive": ["very positive"], "positive": ["positive", "good"], "negative": []}


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


def test_the_extracted_text_is_matched_with_labels() -> None:
    long = "It is not negative.\nFinal: Positive."
    assert take(long, "label", labels=SENTIMENT).prediction is None
    taken = take(long, "after", marker="Final:", labels=SENTIMENT)
    assert taken.prediction == "positive"
    assert "Final:" in taken.explanation
    assert "positive" in taken.explanation
    assert take('{"a": "great"}', "json", path="$.a", labels=SENTIMENT).prediction is None
    assert take("so: (C)", "regex", pattern=r"so: (.*)", choices=CITIES).prediction == "Rome"


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


@given(
    st.sampled_from(["", " ", "**", '"', "(", "- ", "\n"]),
    st.sampled_from(["", ".", "!", "**", '"', ")", "\n"]),
)
def test_a_label_in_any_wrapping_is_direct(before: str, after: str) -> None:
    taken = take(f"{before}Very positive{after}", "label", labels=GRADED)
    assert taken == Extracted("very positive", "the answer is the label 'very positive'")


def label(text: str, labels: list[str]) -> str | None:
    return take(text, "label", labels={name: [] for name in labels}).prediction


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        # signs
        ("−1", SIGNED, "-1"),
        ("–1", SIGNED, "-1"),
        ("－1", SIGNED, "-1"),
        ("minus 1", SIGNED, "-1"),
        ("The score is -1.", SIGNED, "-1"),
        ("(-1)", SIGNED, "-1"),
        ("+1", SIGNED, "1"),
        ("- 1", SIGNED, None),
        ("±1", SIGNED, None),
        ("-1/0", SIGNED, None),
        ("-1 to 1", SIGNED, None),
        ("between -1 and 1", SIGNED, None),
        ("-1", COUNTS, None),
        ("−1", COUNTS, None),
        # ranges
        ("2-3 stars", STARS, None),
        ("2–3", STARS, None),
        ("2 - 3", STARS, None),
        ("2 to 3 stars", STARS, None),
        ("between 2 and 3", STARS, None),
        ("3 to 10", STARS, None),
        # comparisons
        ("<1", COUNTS, None),
        (">1", COUNTS, None),
        ("≥ 2", COUNTS, None),
        ("at most 1", COUNTS, None),
        ("more than 1", COUNTS, None),
        ("no more than 1", COUNTS, None),
        ("over 3", STARS, None),
        ("3+", STARS, None),
        ("3 or more", STARS, None),
        ("almost 4", STARS, None),
        # fractions, decimals, longer numbers
        ("1/5", STARS, None),
        ("4/5", STARS, None),
        ("1.5", STARS, None),
        ("3,5", STARS, None),
        ("3½", STARS, None),
        ("3 and a half", STARS, None),
        ("30", STARS, None),
        ("3 million", STARS, None),
        ("3.0", STARS, "3"),
        ("４", STARS, "4"),
        ("1,000", ["1000", "2000"], "1000"),
        ("2 + 2", STARS, None),
        ("half of 4", STARS, None),
        ("greater than or equal to 4", STARS, None),
        ("at least a 4", STARS, None),
        ("better than a 3", STARS, None),
        ("max. 4", STARS, None),
        ("1 at least", COUNTS, None),
        (">= 1", COUNTS, None),
        ("4-", STARS, None),
        ("-> 4", STARS, "4"),
        ("4 - very good", STARS, "4"),
        ("exactly 4", STARS, "4"),
        ("around 4", STARS, "4"),
        # out of how many
        ("Rating: 4 (out of 5)", STARS, "4"),
        ("score 3 of 5", STARS, "3"),
        ("I rate it 4 out of 5 stars.", STARS, "4"),
        ("4 out of 10", STARS, None),
        # suffixes and units
        ("1st", STARS, None),
        ("3rd", STARS, None),
        ("1a", STARS, None),
        ("a1", STARS, None),
        ("3%", STARS, None),
        ("$3", STARS, None),
        ("class_1", STARS, None),
        ("3:00", STARS, None),
        ("a 3-star review", STARS, "3"),
        ("#3", STARS, "3"),
        (r"\boxed{3}", STARS, "3"),
        ("3, not 4", STARS, "3"),
        # labels that hold numbers
        ("18–25 years", AGES, "18-25"),
        ("118-25", AGES, None),
        ("18-255", AGES, None),
        ("36+", AGES, "36+"),
        ("36", AGES, None),
        ("<18", AGES, "<18"),
        ("18", AGES, None),
        ("21st", ["1st", "2nd"], None),
        ("-1 star", ["1 star", "2 stars"], None),
        ("11 star", ["1 star", "2 stars"], None),
        ("1-star", ["1 star", "2 stars"], "1 star"),
        ("version 1.10", ["1.1", "1.10"], "1.10"),
        ("It is 5%.", ["5", "5%"], "5%"),
        # grades and signs
        ("A-", ["A", "B"], None),
        ("A+", ["A", "B"], None),
        ("A−", ["A", "A-", "A+"], "A-"),
        ("C#", ["C", "Java"], None),
        ("C++", ["C", "C++"], "C++"),
        ("a well-made film", ["+", "-"], None),
        ("Sentiment: −", ["+", "-"], "-"),
        # rejected ones
        ("negative, not positive", SENTIMENT, "negative"),
        ("not positive but negative", SENTIMENT, "negative"),
        ("It isn't positive or neutral, it's negative", SENTIMENT, "negative"),
        ("not only positive but negative", SENTIMENT, None),
        ("if not positive, then negative", SENTIMENT, None),
        ("rather negative than positive", SENTIMENT, None),
        # parts of longer words
        ("is_positive: false", SENTIMENT, None),
        ("semi-positive", SENTIMENT, None),
        ("spam-free", ["spam", "ham"], None),
        ("答案是positive。", SENTIMENT, "positive"),
    ],
)
def test_labels(text: str, labels: list[str], expected: str | None) -> None:
    assert label(text, labels) == expected


def test_a_number_selects_the_label_or_choice_of_its_value() -> None:
    labels = {"low": ["0.5"], "high": ["1"]}
    assert take("I say .50", "number", labels=labels).prediction == "low"
    assert take("I say 1/2", "number", labels=labels).prediction == "low"
    assert take("I say 1.0", "number", labels=labels).prediction == "high"
    assert take("I say 1.5", "number", labels=labels).prediction is None
    apples = ["1,200 apples", "12 apples"]
    assert take("There are 1200.", "number", choices=apples).prediction == "1,200 apples"
