"""References to parts of a response."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.records.references import is_reference, problem, resolve

RESPONSE = {
    "text": "yes",
    "contexts": [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}],
    "details": {"route": "x", "steps": [{"tool": "f"}]},
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response.text", "yes"),
        ("response.contexts.1.id", "b"),
        ("response.contexts.2.id", None),
        ("response.contexts.first", None),
        ("response.details.route", "x"),
        ("response.details.steps.0.tool", "f"),
        ("response.details.route.deeper", None),
        ("response.details.none", None),
    ],
)
def test_a_path_leads_to_a_value_or_nothing(name: str, value: Any) -> None:
    assert resolve(name, RESPONSE) == value


def test_only_names_that_begin_with_response_are_references() -> None:
    assert is_reference("response.text")
    assert not is_reference("responses")
    assert not is_reference("my.response.text")


def test_a_part_that_no_response_has_is_a_problem() -> None:
    assert problem("response.contexts.0") is None
    assert "did you mean 'calls'" in (problem("response.call") or "")
    assert problem("response") is not None
