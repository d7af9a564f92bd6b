"""Numbers in text: parsed whole, found but not parsed, or no number at all."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.written.numbers import normal, numbers, one_of, only


def values(text: str) -> list[str | None]:
    """The values in a text as fractions; None for a number that is found but not parsed."""
    return [None if n.value is None else str(n.value) for n in numbers(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # signs
        ("-5", "-5"),
        ("−5", "-5"),
        ("–5", "-5"),
        ("－5", "-5"),
        ("‑5", "-5"),
        ("+5", "5"),
        ("(-3)", "-3"),
        ("(3)", "3"),
        ("− 5", "-5"),
        ("= - 5", "-5"),
        ("minus 5", "-5"),
        ("It is negative 7.", "-7"),
        ("-$5.00", "-5"),
        ("$-5", "-5"),
        ("x=-5", "-5"),
        ("answer—5", "5"),
        ("Answer — 5", "5"),
        # groups of thousands
        ("9{,}500", "9500"),
        (r"\$80{,}000", "80000"),
        (r"9\,500", "9500"),
        (r"9,\!500", "9500"),
        ("1 234", "1234"),
        ("1 234 567,89", "123456789/100"),
        ("1\u202f234", "1234"),
        ("1’234.5", "2469/2"),
        ("1_000", "1000"),
        ("1.234.567", "1234567"),
        ("1.234,56", "30864/25"),
        ("12,34,567", "1234567"),
        ("5٬000", "5000"),
        # decimals
        (".5", "1/2"),
        ("3,14", "157/50"),
        ("0,123", "123/1000"),
        ("1,2345", "2469/2000"),
        ("7.0.", "7"),
        ("1.000", "1"),
        # exponents
        ("1.5e3", "1500"),
        ("1e3", "1000"),
        ("1.5E-03", "3/2000"),
        ("1.5 × 10^3", "1500"),
        (r"$1.5 \times 10^{-3}$", "3/2000"),
        ("6.022×10²³", "602200000000000000000000"),
        ("10^6", "1000000"),
        # fractions
        ("6/8", "3/4"),
        ("1 1/2", "3/2"),
        ("3½", "7/2"),
        ("-½", "-1/2"),
        (r"-\frac{3}{4}", "-3/4"),
        (r"3\frac12", "7/2"),
        ("5 and a half", "11/2"),
        # words and letters that multiply
        ("1.5 million", "1500000"),
        ("£3.5bn", "3500000000"),
        ("$5M", "5000000"),
        ("50k", "50000"),
        ("5万", "50000"),
        # signs and units beside it
        ("45%", "45"),
        ("90°", "90"),
        ("5kg", "5"),
        ("5 m²", "5"),
        ("25 cm^2", "25"),
        ("60 km/h", "60"),
        ("3rd", "3"),
        ("a 5-year-old", "5"),
        (r"\boxed{42}", "42"),
        (r"5\text{ cm}", "5"),
        ("**5**", "5"),
        ("No.5", "5"),
        # digits of other scripts
        ("３．５", "7/2"),
        ("٣", "3"),
        ("١٢٣٫٥", "247/2"),
        ("答案是-5个", "-5"),
    ],
)
def test_one_number_in_many_spellings(text: str, value: str) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "2-3",
        "2–3",
        "−2–−1",
        "12/05/2020",
        "2020-05-12",
        "10:30",
        "1.2.3",
        "192.168.0.1",
        "1,234,56",
        "1234,567",
        "3x",
        r"2\pi",
        "5(x+1)",
        "1a",
        "5M",
        "50K",
        "1990s",
        "5+",
        "2^10",
        "5^2",
        "1/0",
        "1..5",
        "3~5",
        "5'11",
        "1-1/2",
        "(1,2)",
        "[-1,5]",
        "- 5",
        "Answer: - 5",
        "x-5",
        "answer-5",
        "is.5",
        "5 thirds",
        "1e1000",
        "5±2",
    ],
)
def test_other_texts_than_a_single_number_have_no_value(text: str) -> None:
    assert set(values(text)) == {None}, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 - 3", [None, None]),
        ("10 minus 3", [None, None]),
        ("$5 - $10", [None, None]),
        ("5 % – 10 %", [None, None]),
        ("10-3=7", [None, "7"]),
        (r"2\sqrt{3}", [None, None]),
        (r"2 \sqrt{3}", [None, None]),
        ("2 √3", [None, None]),
        (r"2 \le x", ["2"]),
        ("2 million 500", [None, None]),
        ("5 and 1/2", [None, None]),
        ("1,2,3", ["1", "2", "3"]),
        ("(3, 4)", ["3", "4"]),
        ("In 2020, 100 people", ["2020", "100"]),
        ("2020 100", ["2020", "100"]),
        ("Items:\n- 5 apples\n- 3 pears", ["5", "3"]),
        ("from 5 to 10", ["5", "10"]),
        ("GPT-4 drew 3 of H2O", ["3"]),
        ("COVID-19, B12, x^2, v2.0", []),
        ("① and five", []),
    ],
)
def test_several(text: str, expected: list[str | None]) -> None:
    assert values(text) == expected


def test_numbers_keep_their_position_in_the_text() -> None:
    text = r"So −９{,}500, or \frac{3}{4}, then 1.5 million."
    assert [text[n.start : n.end] for n in numbers(text)] == [
        "−９{,}500",
        r"\frac{3}{4}",
        "1.5 million",
    ]


def test_multiplier_words_may_be_numbers() -> None:
    assert [n.value for n in numbers("1.5 million", scaled=False)] == [Fraction(3, 2)]
    assert [n.value for n in numbers("50k", scaled=False)] == [None]


def test_the_first_and_the_last() -> None:
    def value(text: str, which: str) -> Fraction | None:
        number = one_of(text, which)
        return None if number is None else number.value

    assert value("first 1 then 2-3", "first") == 1
    assert value("first 1 then 2-3", "last") is None
    assert value("none", "last") is None


def test_a_text_that_is_one_number() -> None:
    for text in ("5", " **$5.00** ", "(5)", "5%", r"\(5\)", "5."):
        number = only(text)
        assert number is not None, text
        assert number.value == 5, text
    for text in ("about 5", "5 kg", "5, 6", "2-3", "<5", "five", ""):
        assert only(text) is None, text


def test_the_one_form_of_a_value() -> None:
    assert normal(Fraction("-1234.50")) == "-1234.5"
    assert normal(Fraction(3, 4)) == "0.75"
    assert normal(Fraction(1, 3)) == "1/3"
    assert normal(Fraction(-1, 1000)) == "-0.001"
    assert normal(Fraction(100)) == "100"


@settings(deadline=None)
@given(st.fractions())
def test_the_form_of_a_value_parses_to_it(value: Fraction) -> None:
    if value.denominator < 10**300:
        number = only(normal(value))
        assert number is not None
        assert number.value == value


@settings(deadline=None)
@given(
    st.text(st.sampled_from("0123456789.,-–−+/eE×^ %$€{}\\()k:½²⅓٣½x\u00a0'_\n") | st.characters())
)
def test_any_text_can_be_parsed(text: str) -> None:
    for number in numbers(text):
        assert 0 <= number.start < number.end <= len(text)


@pytest.mark.parametrize(
    "text", ["1 234 " * 20_000, "- 5\n" * 20_000, "1/" * 100_000, "1e" * 100_000, "9" * 100_000]
)
def test_long_texts_are_parsed_quickly(text: str) -> None:
    start = time.process_time()
    numbers(text)
    assert time.process_time() - start < 10
