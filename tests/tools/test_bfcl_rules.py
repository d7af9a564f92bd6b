"""The rules of the Berkeley Function Calling Leaderboard, on hand-made cases of its categories.

Its checker (``bfcl_eval``, Apache-2.0) decided each of these answers. ``differs`` says why evalkit
decides otherwise.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from evalkit.messages import ToolCall
from evalkit.tools import Rules, Toolbox, expected_of, match, tools_of


class Case(NamedTuple):
    """truth: the expected calls. made: the calls of an answer. valid: what BFCL decides."""

    truth: list[tuple[str, dict[str, Any]]]
    made: list[tuple[str, dict[str, Any]]]
    valid: bool
    differs: str = ""


def tool(name: str, required: tuple[str, ...], **types: Any) -> dict[str, Any]:
    properties = {k: v if isinstance(v, dict) else {"type": v} for k, v in types.items()}
    return {
        "name": name,
        "parameters": {"type": "object", "properties": properties, "required": list(required)},
    }


TOOLS = Toolbox(
    tools_of(
        [
            tool("area", ("base", "height"), base="integer", height="integer", unit="string"),
            tool("rate", ("value",), value="number", currency="string", exact="boolean"),
            tool("event", ("date",), date="string", people={"type": "array"}, place="object"),
        ]
    )
)
AREA = ("area", {"base": [10], "height": [5], "unit": {"optional": ["units", "cm"]}})
RATE = ("rate", {"value": [2.5, 3], "currency": {"optional": ["EUR"]}})
DATE = ("event", {"date": ["April 1, 2024", "2024-04-01"]})
PEOPLE = ("event", {"date": ["x"], "people": [["Ann", "Bob"], ["Ann", "Bob", "Cy"]]})
PLACE = ("event", {"date": ["x"], "place": [{"city": ["Paris"], "zip": {"optional": [75001]}}]})
ONE, TWO = {"base": 10, "height": 5}, {"base": 1, "height": 2}
SMALL = ("area", {"base": [1], "height": [2]})
OPTIONAL = ("area", {"base": [10, 1], "height": [5, 2]})

SIMPLE = {
    "right": Case([AREA], [("area", ONE)], True),
    "optional given": Case([AREA], [("area", {**ONE, "unit": "cm"})], True),
    "optional wrong": Case([AREA], [("area", {**ONE, "unit": "km"})], False),
    "loose text": Case([AREA], [("area", {**ONE, "unit": "C-m "})], True),
    "missing argument": Case([AREA], [("area", {"base": 10})], False),
    "extra argument": Case([AREA], [("area", {**ONE, "depth": 1})], False),
    "wrong value": Case([AREA], [("area", {**ONE, "base": 11})], False),
    "number as text": Case([AREA], [("area", {**ONE, "base": "10"})], False),
    "float for an integer": Case(
        [AREA], [("area", {**ONE, "base": 10.0})], False, "25 equals 25.0"
    ),
    "integer for a float": Case([RATE], [("rate", {"value": 3})], True),
    "second value": Case([RATE], [("rate", {"value": 2.5, "currency": "eur"})], True),
    "wrong name": Case([AREA], [("rate", ONE)], False),
    "no call": Case([AREA], [], False),
    "twice": Case([AREA], [("area", ONE), ("area", ONE)], False),
    "date": Case([DATE], [("event", {"date": "April 1 2024"})], True),
    "list": Case([PEOPLE], [("event", {"date": "X", "people": ["ann", "Bob"]})], True),
    "list in another order": Case(
        [PEOPLE], [("event", {"date": "x", "people": ["Bob", "Ann"]})], False
    ),
    "short list": Case([PEOPLE], [("event", {"date": "x", "people": ["Ann"]})], False),
    "object": Case([PLACE], [("event", {"date": "x", "place": {"city": "paris"}})], True),
    "object with more": Case(
        [PLACE], [("event", {"date": "x", "place": {"city": "Paris", "x": 1}})], False
    ),
    "object without": Case([PLACE], [("event", {"date": "x", "place": {"zip": 75001}})], False),
}
MULTIPLE = {
    "right tool": Case([RATE], [("rate", {"value": 3})], True),
    "other tool": Case([RATE], [("area", ONE)], False),
    "both tools": Case([RATE], [("rate", {"value": 3}), ("area", ONE)], False),
}
PARALLEL = {
    "in order": Case([AREA, SMALL], [("area", ONE), ("area", TWO)], True),
    "in another order": Case([AREA, SMALL], [("area", TWO), ("area", ONE)], True),
    "one is missing": Case([AREA, SMALL], [("area", ONE)], False),
    "one is twice": Case([AREA, SMALL], [("area", ONE), ("area", ONE)], False),
    "one is too many": Case([AREA, SMALL], [("area", ONE), ("area", TWO), ("area", TWO)], False),
    "a pair taken too early": Case(
        [OPTIONAL, AREA], [("area", ONE), ("area", TWO)], False, "pairs are the best assignment"
    ),
}
IRRELEVANCE = {
    "no call": Case([], [], True),
    "a call": Case([], [("area", ONE)], False),
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{kind} {name}")
             for kind, cases in (("simple:", SIMPLE), ("multiple:", MULTIPLE),
                                 ("parallel:", PARALLEL), ("irrelevance:", IRRELEVANCE))
             for name, case in cases.items()]
)  # fmt: skip
def test_answers_are_decided_as_by_bfcl(case: Case) -> None:
    cell = [{"name": name, "arguments": arguments} for name, arguments in case.truth]
    made = [ToolCall("", name, json.dumps(arguments)) for name, arguments in case.made]
    found = match(expected_of(cell, TOOLS), made, TOOLS, Rules(texts="loose"))
    assert found.right == (case.valid if not case.differs else not case.valid), found.why
