"""A choice is read, or it is not guessed."""

from __future__ import annotations

import pytest

from evalkit.answers import take
from evalkit.spec.choices import LETTERS

CITIES = ["London", "Paris", "Rome", "New York"]


def choice(text: str, choices: list[str]) -> str | None:
    return take(text, "label", choices=choices).prediction


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
