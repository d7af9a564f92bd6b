"""Groups of samples, as suites and reports write them."""

from __future__ import annotations

import pytest

from evalkit.spec.data import Sample
from evalkit.spec.groups import group_of, group_text, groups_of
from tests.spec.reading import read


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (None, ""), (3, "3"), ("a b", "a b")]
)
def test_a_value_is_written_as_in_suites(value: object, text: str) -> None:
    assert group_text(value) == text


def test_groups_are_the_distinct_values_of_a_column_in_order() -> None:
    rows = [
        {"q": q, "a": "x", "kind": kind}
        for q, kind in zip("abcd", ["b", "a", None, "b"], strict=True)
    ]
    samples: tuple[Sample, ...] = read({"rows": rows}).samples
    assert [group_of(sample, "kind") for sample in samples] == ["b", "a", "", "b"]
    assert groups_of(samples, "kind") == ["", "a", "b"]
    assert groups_of(samples, "no such column") == [""]
