"""JSON without duplicate keys and without numbers that JSON does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.spec.strict_json import Twice, TwiceError, strict_json, written_twice

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(plain)
def test_json_is_parsed_as_by_the_standard_library(value: Any) -> None:
    text = json.dumps(value)
    assert strict_json(text) == value
    assert list(written_twice(text)) == []


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_numbers_that_json_does_not_have_are_errors(text: str) -> None:
    with pytest.raises(ValueError, match="is not JSON; use null"):
        strict_json(text)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "\\u0061": 2}}]'])
def test_a_duplicate_key_is_an_error(text: str) -> None:
    with pytest.raises(TwiceError, match="'a' is written twice; keep one"):
        strict_json(text)


def test_duplicate_keys_have_their_lines() -> None:
    text = '{"a": 1,\n "b": {"a": "{,\\"a\\":", "c": [],\n  "c": 2},\n "a": 3,\n "a": 4}'
    assert list(written_twice(text)) == [Twice("c", 2, 3), Twice("a", 1, 4), Twice("a", 1, 5)]
