"""Realistic answers of models: nothing is guessed, and every clear answer is parsed."""

from __future__ import annotations

import pytest

from evalkit.answers import take
from evalkit.spec.choices import LETTERS

SENTIMENT = ["positive", "negative", "neutral"]
SIGNED, STARS, COUNTS = ["-1", "0", "1"], ["1", "2", "3", "4", "5"], ["0", "1", "2"]
AGES = ["<18", "18-25", "26-35", "36+"]
CITIES = ["London", "Paris", "Rome", "New York"]


def label(text: str, labels: list[str]) -> str | None:
    return take(text, "label", labels={name: [] for name in labels}).prediction


def choice(text: str, choices: list[str]) -> str | None:
    return take(text, "label", choices=choices).prediction


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


@pytest.mark.parametrize(
    "text",
    [
        "ANSWER: b",
        "The answer is b.",
        "answer is (b)",
        "answer: b) Paris",
        "b. Paris",
        "(b) Paris",
        "The correct answer is: b",
        "b is correct",
        "Ｂ",
        "（ｂ）",
        "答案：B",
        "答案是B。",
        "正解はBです",
        r"$\boxed{\text{B}}$",
        "<answer>B</answer>",
        "ANSWERS: B",
        "**Answer:** B",
        "Answer=B",
        "[[B]]",
        "B, not A.",
        "Not A but B",
        "It is not A. B is right.",
        "Answer: B, it can't be A or C",
        "B. A, C and D can be ruled out.",
        "It can't be A, C or D, so B.",
        "Answer: B (A, C and D are incorrect)",
        "Eliminating A, C, and D, the answer is B.",
        "A is wrong because it is in England. C is incorrect. B is correct. D is incorrect.",
        "A) London B) Paris C) Rome D) New York\n\nAnswer: B",
        "A is what most would say. The answer is B.",
        "The capital is Paris (B).",
    ],
)
def test_a_choice_is_parsed(text: str) -> None:
    assert choice(text, CITIES) == "Paris"


@pytest.mark.parametrize(
    "text",
    [
        "The answer is a big city",
        "A/B",
        "Answer: A (or B)",
        "Answer: A, B",
        "Answer: AB",
        "A? B?",
        "The answer is A. Hmm, no, B is correct.",
        "Answer: A. No wait, B.",
        "If not A then B",
        "Between A and B, the answer is B",
        "(see vitamin C)",
        "Answer: E",
        "B\n\nQuestion: What is 2+2?\nA) 3\nB) 4\nAnswer: A",
        "It can't be A. It can't be B. So C or D.",
    ],
)
def test_an_unclear_choice_is_not_guessed(text: str) -> None:
    assert choice(text, CITIES) is None


def test_a_choice_among_twenty() -> None:
    twenty = [f"city number {word}" for word in "abcdefghijklmnopqrst"]
    assert choice("ANSWERS: A", twenty) == twenty[0]
    assert choice("Answers: S", twenty) == twenty[18]
    assert choice("Answer: D, it can't be A or B", twenty) == twenty[3]
    assert choice("answer: i", twenty) == twenty[8]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("AA", "AA"),
        ("ab", "AB"),
        ("Answer: AB", "AB"),
        ("The answer is (ac).", "AC"),
        ("**AD**", "AD"),
        ("AE) city", "AE"),
        ("ＡＢ", "AB"),
        ("Answer: AB, not AA", "AB"),
        ("A", "A"),
        ("Answer: z", "Z"),
        ("AA or AB", None),
        ("AZ", None),
        ("As an AI, I cannot say", None),
    ],
)
def test_a_choice_among_forty(text: str, letter: str | None) -> None:
    forty = [f"city number {i} of all" for i in range(40)]
    expected = None if letter is None else forty[LETTERS.index(letter)]
    assert choice(text, forty) == expected


@pytest.mark.parametrize(
    ("text", "choices", "expected"),
    [
        ("The answer is 15.", ["3", "5", "15", "-3"], "15"),
        ("The answer is −3.", ["3", "5", "15", "-3"], "-3"),
        ("1.5", ["3", "5", "15", "-3"], None),
        ("It costs $5.00.", ["$5", "$50", "$500"], "$5"),
        ("-$5", ["$5", "$50", "$500"], None),
        ("It is 1.5 cm.", ["5 cm", "15 cm", "1.5 cm"], "1.5 cm"),
        ("25 cm", ["5 cm", "15 cm", "1.5 cm"], None),
        ("The answer is 1/2.", ["1/2", "1/4", "2"], "1/2"),
    ],
)
def test_choices_that_are_numbers(text: str, choices: list[str], expected: str | None) -> None:
    assert choice(text, choices) == expected


def test_choices_with_the_same_folded_text_cannot_be_named() -> None:
    assert choice("it is a-b", ["A-B", "A B", "C"]) is None
    assert choice("Answer: B", ["A-B", "A B", "C"]) == "A B"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"label": "positive", "parts": {"label": "negative"},}', None),
        ('{"parts": {"label": "negative"}, "label": "positive"', None),
        ('{label: "positive", "parts": {"label": "negative"}}', None),
        ("{'label': 'positive', 'parts': {\"label\": \"negative\"}}", None),
        ('{"reason": "he said {"label": "negative"}", "label": "positive"}', None),
        ('{"label": NaN, "parts": {"label": "negative"}}', None),
        ('[{"label": "negative"}, {"label": "pos', None),
        ('{"label": "positive"} // {"label": "neg', None),
        ('{"label": "positive", "label": "negative"}', None),
        ('{"label": "positive", "parts": {"a": 1, "a": 2}}', None),
        ('{"label": "positive"}\n{"label": "negative"}', None),
        ('{"label": "positive"}\n{"label": "positive"}', "positive"),
        ('{"other": 1}\n{"label": "positive"}', "positive"),
        ('As [1] says of {name} in [0, 1): {"label": "positive"}', "positive"),
        ('```json\n{"label": "positive"}\n```\nThat is all.', "positive"),
        ('{"label": "positive"}}', "positive"),
    ],
)
def test_json_is_parsed_whole_or_not_at_all(text: str, expected: str | None) -> None:
    assert take(text, "json", path="$.label").prediction == expected


def test_rejected_json_is_explained() -> None:
    assert "'label' twice" in take('{"label": 1, "label": 2}', "json", path="$.label").explanation
    assert "does not parse" in take('{"label": 1,}', "json", path="$.label").explanation
    assert "differ at $.a: 1, 2" in take('{"a": 1} {"a": 2}', "json", path="$.a").explanation


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Antwort: 1.234,5", "1234.5"),
        ("La réponse est 12 345,67 €.", "12345.67"),
        ("It's -3.5%.", "-3.5"),
        ("12 * 12 = 144.", "144"),
        ("≈ 9.81 m/s²", "9.81"),
        ("−273.15 °C", "-273.15"),
        ("6,02·10^23", "602000000000000000000000"),
        ("5 dollars and 50 cents", "50"),
        (r"The final answer is $\boxed{7}$.", "7"),
        ("7 million", "7000000"),
        ("7,5 Millionen", "7500000"),
        ("$7.5M", "7500000"),
        ("January 31, 2024", "2024"),
        ("5x + 3", "3"),
        ("is -7", "-7"),
        ("between 5 and 6", "6"),
        ("144 = 12²", None),
        ("7.5M", None),
        ("5–6 hours", None),
        ("10:45 am", None),
        ("555-1234", None),
        ("R2-D2", None),
        ("5 ± 2", None),
        ("– 7", None),
        ("7/0", None),
        ("..5", None),
        ("top-10", None),
    ],
)
def test_the_last_number(text: str, number: str | None) -> None:
    assert take(text, "number", which="last").prediction == number


def test_a_number_selects_the_label_or_choice_of_its_value() -> None:
    labels = {"low": ["0.5"], "high": ["1"]}
    assert take("I say .50", "number", labels=labels).prediction == "low"
    assert take("I say 1/2", "number", labels=labels).prediction == "low"
    assert take("I say 1.0", "number", labels=labels).prediction == "high"
    assert take("I say 1.5", "number", labels=labels).prediction is None
    apples = ["1,200 apples", "12 apples"]
    assert take("There are 1200.", "number", choices=apples).prediction == "1,200 apples"
