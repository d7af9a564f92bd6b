"""The claims of an answer: its sentences, less those that claim nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.answers.claims import claims_in, claims_something


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It opened in 1912. Dr. May ran it.", ["It opened in 1912.", "Dr. May ran it."]),
        ("It costs 3.5, e.g. in May. U.S. men pay", ["It costs 3.5, e.g. in May.", "U.S. men pay"]),
        ("Then came J. Smith. He left", ["Then came J. Smith.", "He left"]),
        ('He said "Stop!" and left. Good', ['He said "Stop!" and left.', "Good"]),
        ("# Title\n\nA line\ngoes on. Next.", ["A line goes on.", "Next."]),
        ("Red.[1] Blue. [2] Green.", ["Red.[1]", "Blue. [2]", "Green."]),
        ("列車は九時に出ます。船は十時です。", ["列車は九時に出ます。", "船は十時です。"]),
        ("**Open:** 9 to 5.", ["Open: 9 to 5."]),
        ("Paris", ["Paris"]),
        ("", []),
    ],
)  # fmt: skip
def test_sentences_are_claims(text: str, expected: list[str]) -> None:
    assert [claim.text for claim in claims_in(text)] == expected


def test_an_item_is_read_with_the_lead_of_its_list() -> None:
    text = "The desk is open on:\n- Monday\n- Tuesday. Bring tea.\n\nIt is red."
    found = claims_in(text)
    assert [claim.text for claim in found] == [
        "The desk is open on: Monday",
        "The desk is open on: Tuesday.",
        "Bring tea.",
        "It is red.",
    ]
    assert text[found[0].start : found[0].end] == "Monday"


@pytest.mark.parametrize(
    "sentence",
    [
        "Do you want more?",
        "Sure!",
        "🚢 Hello!",
        "I hope this helps.",
        "Let me know if you need more.",
        "I do not know.",
        "Sorry, but I don't know the year.",
        "I'm afraid I have no information on that.",
        "The passage does not say where it is.",
        "The provided context doesn't mention the price.",
        "The year is not stated in the text.",
        "unanswerable",
        "N/A",
        "---",
        "[1]",
    ],
)
def test_these_claim_nothing(sentence: str) -> None:
    assert not claims_something(sentence)
    assert claims_in(sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "I'm sorry, the boat is full.",
        "Sure, the boat leaves at nine.",
        "The text does not mention prices, but a ride costs 3.",
        "I don't know the year, but the boat is red.",
        "The company did not say why.",
        "The ferry does not run in February.",
        "There is no ferry in February.",
        "We have no ferry in February.",
        "Of course the boat is full.",
        "The source of the river is in the north.",
    ],
)
def test_these_claim_something(sentence: str) -> None:
    assert claims_something(sentence)


@given(st.text(alphabet=st.sampled_from('ab .!?\n-#[1]:"。1A'), max_size=80))
def test_claims_are_in_order_apart_and_inside_the_text(text: str) -> None:
    end = 0
    for claim in claims_in(text):
        assert end <= claim.start < claim.end <= len(text)
        end = claim.end
