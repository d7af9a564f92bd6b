"""Answers, checks, metrics and generation: every valid form, and what is rejected."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evalkit import exchange, tasks
from evalkit.answers.pieces import parse_path
from evalkit.spec.fields import (
    CHECKS,
    AnswerSpec,
    Check,
    GenerationSpec,
    answer_from,
    metric_from,
    shown,
)


@pytest.mark.parametrize(
    ("written", "task", "expected"),
    [
        (None, "classification", AnswerSpec(method="choice")),
        (None, "multiple-choice", AnswerSpec(method="choice")),
        (None, "qa", AnswerSpec(method="whole")),
        ("choice", "classification", AnswerSpec(method="choice")),
        ("text", "classification", AnswerSpec(method="label", which="only")),
        ("text", "multiple-choice", AnswerSpec(method="label", which="only")),
        ("text", "summarisation", AnswerSpec(method="whole")),
        ({"label": "first"}, "classification", AnswerSpec(method="label", which="first")),
        ({"choice": "letter"}, "multiple-choice", AnswerSpec(method="choice", form="letter")),
        ({"regex": "a(b)c"}, "qa", AnswerSpec(method="regex", pattern="a(b)c", group=1)),
        ({"regex": "abc"}, "qa", AnswerSpec(method="regex", pattern="abc", group=0)),
        (
            {"regex": "(?P<x>.)(.)", "group": "x"},
            "qa",
            AnswerSpec(method="regex", pattern="(?P<x>.)(.)", group="x"),
        ),
        ({"json": "$.a.b"}, "qa", AnswerSpec(method="json", path="$.a.b")),
        ({"number": "first"}, "math", AnswerSpec(method="number", which="first")),
        ({"after": "Answer:"}, "qa", AnswerSpec(method="after", marker="Answer:", which="last")),
        (
            {"after": "Answer:", "which": "first"},
            "qa",
            AnswerSpec(method="after", marker="Answer:", which="first"),
        ),
    ],
)
def test_answers(written: Any, task: str, expected: AnswerSpec) -> None:
    assert answer_from(written, tasks.find(task)) == expected


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("txt", "unknown answer 'txt'; did you mean 'text'?"),
        ("json", "'json' needs a value, e.g. {json: $.answer}"),
        (5, "expected 'choice', 'text' or a mapping such as {number: last}, found the number 5"),
        ({}, "found an empty mapping"),
        ({"regx": "a"}, "unknown answer 'regx'; did you mean 'regex'?"),
        (
            {"regex": "("},
            "'(' is not a valid regular expression: missing ), unterminated subpattern",
        ),
        ({"regex": "a", "group": 1}, "the pattern has no group the number 1 (groups: 0)"),
        ({"regex": "a", "grp": 1}, "unknown key of 'answer: {regex: …}' 'grp'"),
        ({"regex": 5}, "'regex' must be a text, found the number 5"),
        ({"json": "$..a"}, "'$..a' is not a valid path"),
        ({"json": "a b[x]"}, "is not a valid path"),
        ({"number": "second"}, "'number' must be first or last, found the text 'second'"),
        ({"after": ""}, "'after' must be a text"),
        ({"choice": "number"}, "'choice' must be text or letter"),
    ],
)
def test_invalid_answer_forms_are_errors(written: Any, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        answer_from(written, tasks.find("qa"))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "path", ["$", "$.a", "a", "a.b", "$.a[0].b", "$['a b'].c", '$["a"]', "[2]", "$.items[0].a-b"]
)
def test_accepted_json_paths_match_scoring(path: str) -> None:
    assert answer_from({"json": path}, tasks.find("qa")).path == path
    parse_path(path)


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ({"max_words": 30}, "max_words: 30"),
        ({"contains": "Paris"}, "contains: Paris"),
        ({"not_contains": " so"}, 'not_contains: " so"'),
        ({"starts_with": "a\nb"}, 'starts_with: "a\\nb"'),
        ({"json": True}, "json: true"),
        ({"regex": "^a+$"}, "regex: ^a+$"),
    ],
)
def test_checks_and_their_rules(written: dict[str, Any], rule: str) -> None:
    assert Check.model_validate(written).rule == rule


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"max_word": 3}, "unknown check 'max_word'; did you mean 'max_words'?"),
        (
            {"max_words": "three"},
            "'max_words' must be a whole number, 0 or more, found the text 'three'",
        ),
        ({"max_words": -1}, "found the number -1"),
        ({"max_words": True}, "found true"),
        ({"contains": ""}, "'contains' must be a text"),
        ({"contains": 3}, "'contains' must be a text, found the number 3"),
        ({"json": "yes"}, "'json' must be true or false"),
        ({"regex": "["}, "is not a valid regular expression"),
        ({"max_words": 3, "json": True}, "one rule per list item, found max_words, json"),
        ("max_words", "expected one rule such as 'max_words: 30'"),
    ],
)
def test_invalid_checks_are_errors(written: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Check.model_validate(written)
    assert reason in str(caught.value)


def test_every_check_has_an_opposite() -> None:
    """A not-variant for each rule on text; bounds are each other's; json has false."""
    for name, kind in CHECKS.items():
        if kind in ("text", "regex"):
            assert f"not_{name.removeprefix('not_')}" in CHECKS
        elif kind == "count":
            assert name.replace("min_", "max_") in CHECKS


def test_metrics_with_and_without_settings() -> None:
    assert metric_from("f1") == {"name": "f1"}
    assert metric_from({"f1": None}) == {"name": "f1", "settings": {}}
    settings = {"use_stemmer": True}
    assert metric_from({"rouge1": settings}) == {"name": "rouge1", "settings": settings}
    for wrong in ({"a": 1}, {"a": {}, "b": {}}, 5, None, []):
        with pytest.raises(ValueError):
            metric_from(wrong)


def test_generation_defaults_are_those_of_a_request() -> None:
    assert GenerationSpec().settings() == exchange.Generation()


def test_generation_reaches_the_request() -> None:
    spec = GenerationSpec.model_validate({"temperature": 1, "stop": "\n", "top_p": 0.5, "seed": 3})
    assert spec.settings() == exchange.Generation(temperature=1.0, stop=("\n",), top_p=0.5, seed=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": 0},
        {"max_new_tokens": 1.5},
        {"max_new_tokens": "8"},
        {"max_new_tokens": True},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0},
        {"top_p": 1.1},
        {"top_k": 0},
        {"num_beams": 0},
        {"repetition_penalty": 0},
        {"stop": [""]},
        {"stop": [1]},
        {"seed": -1},
        {"beams": 4},
    ],
)
def test_generation_is_bounded(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GenerationSpec.model_validate(wrong)


def test_values_in_messages() -> None:
    assert shown("x" * 100) == "the text '" + "x" * 57 + "…'"
    assert [shown(v) for v in (None, True, 1.5, {}, {"a": 1}, [], [1, 2])] == [
        "nothing",
        "true",
        "the number 1.5",
        "an empty mapping",
        "a mapping (a)",
        "an empty list",
        "a list of 2",
    ]
