"""Targets of multiple choice become positions, and all rows are parsed in the same way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.spec.data import Sample
from evalkit.spec.load import load_suite
from tests.spec.conftest import Write
from tests.spec.reading import qa

from .loading import load_data


def choose(rows: list[dict[str, Any]], choices: Any = "c") -> list[Sample]:
    suite = load_suite(
        {
            "task": "multiple-choice",
            "data": {"rows": rows, "target": "t", "choices": choices},
            "prompt": "-",
        }
    )
    return list(load_data(suite).samples)


COLOURS = ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["green", "red"], ["green", "red"]),
        (["B", "a"], ["green", "red"]),
        ([1, 0], ["green", "red"]),
        (["1", "0"], ["green", "red"]),
    ],
)
def test_a_target_may_be_text_letter_or_number(targets: list[Any], expected: list[str]) -> None:
    samples = choose([{"c": COLOURS, "t": t} for t in targets])
    assert [s.targets for s in samples] == [(text,) for text in expected]
    assert samples[0].choices == ("red", "green", "blue")


def test_targets_have_one_form_in_the_whole_data() -> None:
    """Digits among the choices: "1" is the choice 1 where that fits every row, else the second."""
    digits = ["2", "1", "0"]
    assert [s.targets for s in choose([{"c": digits, "t": "1"}, {"c": COLOURS, "t": "red"}])] == [
        ("1",),
        ("red",),
    ]
    assert [s.targets for s in choose([{"c": digits, "t": "2"}, {"c": COLOURS, "t": "0"}])] == [
        ("0",),
        ("red",),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {"c": COLOURS, "t": "gren"},
            "'gren' is not one of the choices; did you mean 'green'? (choi",
        ),
        ({"c": COLOURS, "t": 3}, "'3' is not one of the choices; numbers count from 0"),
        ({"c": COLOURS, "t": "D"}, "'D' is not one of the choices"),
        ({"c": COLOURS, "t": "B"}, "'B' is a letter, but other rows give a number"),
        ({"c": "red", "t": 0}, "the choices (column 'c') are not a list"),
        ({"c": ["red"], "t": 0}, "has 1 choices; at least two are needed"),
        ({"c": [str(i) for i in range(703)], "t": 0}, "has 703 choices; at most 702"),
        ({"c": ["red", "red"], "t": 0}, "the choice 'red' appears twice"),
        ({"c": COLOURS, "t": ["red", 1]}, "'red' is a choice's text, but other rows give a nu"),
    ],
)
def test_invalid_choices_are_errors(row: dict[str, Any], reason: str) -> None:
    good = [{"c": COLOURS, "t": "red" if row["t"] == "gren" else 0}] * 3
    with pytest.raises(SpecError) as caught:
        choose([*good, row])
    assert reason in str(caught.value)


@pytest.mark.parametrize("several", [["red", "green"], ["A", "B"], [0, 1], [1, 0, 1]])
def test_several_right_choices(several: list[Any], write: Write) -> None:
    [sample] = choose([{"c": COLOURS, "t": several}])
    assert set(sample.targets) == {"red", "green"}
    assert len(sample.targets) == 2
    cell = json.dumps(several).replace('"', '""')
    write("d.csv", f'q,c,a\nwho,"[""red"", ""green"", ""blue""]","{cell}"\n')
    suite = qa({"file": "d.csv", "choices": "c"}, task="multiple-choice")
    [sample] = load_data(suite).samples
    assert set(sample.targets) == {"red", "green"}


def test_a_choice_that_looks_like_a_list_is_one_choice(write: Write) -> None:
    """A question about Python: the right answer is the list itself."""
    choices = json.dumps(["[0, 1]", "[1, 0]"]).replace('"', '""')
    write("d.csv", f'q,c,a\nwhat,"{choices}","[1, 0]"\n')
    suite = qa({"file": "d.csv", "choices": "c"}, task="multiple-choice")
    assert load_data(suite).samples[0].targets == ("[1, 0]",)


def test_more_choices_than_letters() -> None:
    many = [f"choice {i}" for i in range(30)]
    [sample] = choose([{"c": many, "t": "AB"}])
    assert sample.targets == ("choice 27",)


def test_choices_in_columns_and_in_csv(write: Write) -> None:
    row = {"x": "one", "y": 2, "z": None, "t": "B"}
    assert choose([row], ["x", "y", "z"])[0].choices == ("one", "2")
    write("d.csv", 'q,c,a\nwho,"[""x"", ""y""]",B\n')
    suite = qa({"file": "d.csv", "choices": "c"}, task="multiple-choice")
    [sample] = load_data(suite).samples
    assert (sample.choices, sample.targets) == (("x", "y"), ("y",))
