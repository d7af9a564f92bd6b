"""Spellings that count as the same word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.written.forms import fold, form, spaced, straight


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A-B", "a_b"),
        ("a  b", "A – b"),
        ("Ｗｉｄｅ", "wide"),
        ("STRASSE", "straße"),
        ("it’s", "it's"),
        (" padded ", "padded"),
    ],
)
def test_spellings_of_one_label_have_one_form(one: str, other: str) -> None:
    assert form(one) == form(other)


@pytest.mark.parametrize(("one", "other"), [("a b", "ab"), ("x²", "x2"), ("½", "1/2"), ("-1", "1")])
def test_different_words_keep_different_forms(one: str, other: str) -> None:
    assert form(one) != form(other)


@given(st.text())
def test_a_form_is_its_own_form(text: str) -> None:
    assert form(form(text)) == form(text)
    assert straight(fold(text)) == fold(text)


def test_dashes_between_words_are_spaces_and_signs_are_kept() -> None:
    assert spaced("well-known_word – here") == "well known word here"
    assert spaced("-1") == "-1"
