"""JSON in an answer is parsed whole or not at all."""

from __future__ import annotations

import pytest

from evalkit.answers import take


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"label": "positive", "parts": {"label": "negative"},}', None),
        ('{"parts": {"label": "negative"}, "label": "positive"', None),
        ('{label: "positive", "parts": {"label": "negative"}}', None),
        ("{'label': 'positive', 'parts': {\"label\": \"negative\"}}", None),
        ('{"reason": "he said {"label": "negative"}", "label": "positive"}', None),
        ('{"label": NaN, "parts": {"label": "negative"}}', None),
        ('[{"label": "negative"}, {"label": "pos', None),
        ('{"label": "positive"} // {"label": "neg', None),
        ('{"label": "positive", "label": "negative"}', None),
        ('{"label": "positive", "parts": {"a": 1, "a": 2}}', None),
        ('{"label": "positive"}\n{"label": "negative"}', None),
        ('{"label": "positive"}\n{"label": "positive"}', "positive"),
        ('{"other": 1}\n{"label": "positive"}', "positive"),
        ('As [1] says of {name} in [0, 1): {"label": "positive"}', "positive"),
        ('```json\n{"label": "positive"}\n```\nThat is all.', "positive"),
        ('{"label": "positive"}}', "positive"),
    ],
)
def test_json_is_parsed_whole_or_not_at_all(text: str, expected: str | None) -> None:
    assert take(text, "json", path="$.label").prediction == expected


def test_rejected_json_is_explained() -> None:
    assert "'label' twice" in take('{"label": 1, "label": 2}', "json", path="$.label").explanation
    assert "does not parse" in take('{"label": 1,}', "json", path="$.label").explanation
    assert "differ at $.a: 1, 2" in take('{"a": 1} {"a": 2}', "json", path="$.a").explanation


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('{"label": "positive"}', "$.label", "positive"),
        ('Sure:\n```json\n{"label": "positive"}\n```\nDone', "$.label", "positive"),
        ('```\n{"label": "positive"}\n```', "$.label", "positive"),
        ('x {"a": [{"b": 3}]} y {"a": []}', "$.a[0].b", "3"),
        ('x {"a b": 1}', "$['a b']", "1"),
        ('see [1]: {"label": "x"}', "label", "x"),
        ('{"a": true}', "$.a", "true"),
        ('{"a": {"b": [1, "é"]}}', "$.a", '{"b": [1, "é"]}'),
        ('"hi"', "$", "hi"),
        ('{"a": null}', "$.a", None),
        ('{"a": 1}', "$.b", None),
        ('{"a": 1', "$.a", None),
        ('{"a": NaN}', "$.a", None),
        ("no json", "$.a", None),
    ],
)
def test_json(text: str, path: str, expected: str | None) -> None:
    assert take(text, "json", path=path).prediction == expected
