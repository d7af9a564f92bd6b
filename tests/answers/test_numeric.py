"""Numbers in answers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.answers import take


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


@settings(deadline=None)
@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=4))
def test_numbers_survive_formatting(value: Decimal) -> None:
    for text in (f"{value:f}", f"about {value:,f} units.", f"= {value:f}%"):
        taken = take(text, "number").prediction
        assert taken is not None
        assert Decimal(taken) == value
