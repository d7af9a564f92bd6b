"""Errors of pydantic as sentences for the author of a file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evalkit import tasks
from evalkit.spec.problems import guessed_key, known_keys, sentence
from evalkit.spec.suite import Suite, suite_of

BASE = {
    "task": "qa",
    "data": {"rows": [{"q": "a", "a": "b"}], "target": "a"},
    "prompts": {"p": "{{ q }}"},
}


def said(**change: Any) -> str:
    model = suite_of(tasks.find("qa"))
    with pytest.raises(ValidationError) as caught:
        model.model_validate(BASE | change)
    [error] = caught.value.errors()
    return sentence(error, model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repeats": 0}, "must be at least 1, found 0"),
        ({"repeats": "two"}, "expected a whole number, found the text 'two'"),
        ({"description": None}, "is empty; give it a value or remove the key"),
        ({"description": 3}, "expected a text, found the number 3; put it in quotes"),
        ({"metrisc": []}, "unknown key 'metrisc'; did you mean 'metrics'?"),
    ],
)
def test_a_message_names_cause_and_fix(change: dict[str, Any], message: str) -> None:
    assert said(**change).startswith(message)


def test_keys_are_those_of_the_place() -> None:
    assert {"task", "data", "prompts", "gates"} <= set(known_keys(Suite, ()))
    assert "target" in known_keys(Suite, ("data",))
    assert "target" not in known_keys(Suite, ())
    assert guessed_key(("data", "targt"), Suite) == "target"
    assert guessed_key(("quite_another",), Suite) is None
