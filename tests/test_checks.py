"""Checks on one response, each rule by hand."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.checks import run_check
from evalkit.records import Answer, CheckRecord
from evalkit.spec.fields import Check


def check(rule: dict[str, Any], text: str) -> CheckRecord:
    return run_check(Check.model_validate(rule), Answer(text).values())


@pytest.mark.parametrize(
    ("rule", "passes", "fails"),
    [
        ({"contains": "Par"}, "in Paris", "in paris"),
        ({"equals": "yes"}, " yes\n", "yes."),
        ({"starts_with": "So"}, "  So it is", "And so"),
        ({"ends_with": "end."}, "the end. ", "the end"),
        ({"regex": r"^\d+$"}, "42", "42 apples"),
        ({"json": True}, '{"a": [1]}', "{a: 1}"),
        ({"json": False}, "prose", "3"),
        ({"max_words": 2}, "two  words", "now three words"),
        ({"min_words": 2}, "two words", "one"),
        ({"max_chars": 3}, " abc ", "abcd"),
        ({"min_chars": 3}, "abc", "ab "),
    ],
)
def test_every_rule_and_its_opposite(rule: dict[str, Any], passes: str, fails: str) -> None:
    assert check(rule, passes).passed
    assert not check(rule, fails).passed
    [(name, value)] = rule.items()
    if name in ("contains", "equals", "starts_with", "ends_with", "regex"):
        assert not check({f"not_{name}": value}, passes).passed
        assert check({f"not_{name}": value}, fails).passed


def test_the_reason_says_what_was_found() -> None:
    assert check({"max_words": 2}, "now three words").reason == "3 words"
    assert check({"contains": "x"}, "abx").reason == "found at character 2"
    assert check({"equals": "a"}, "b" * 80).reason == f"the response is '{'b' * 59}…'"


def test_a_rule_about_another_part_of_the_response() -> None:
    rule = {"contains": "stop", "of": "response.finish"}
    assert run_check(Check.model_validate(rule), Answer("x", finish="stop").values()).passed
    rule = {"contains": "x", "of": "response.details.model"}
    missing = run_check(Check.model_validate(rule), Answer("x").values())
    assert (missing.passed, missing.reason) == (False, "the response has no response.details.model")
