"""Values of typed tables become values that JSON has."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest

from evalkit.spec.values import plain
from tests.spec.reading import problems, read


def test_values_of_typed_tables_become_json_values() -> None:
    import datetime
    import decimal

    value = [float("nan"), datetime.date(2026, 1, 2), decimal.Decimal("1.5"), b"ab", {1: (2,)}]
    assert plain(value) == [None, "2026-01-02", "1.5", "<2 bytes>", {"1": [2]}]
    assert plain(value) == read({"rows": [{"a": "x", "v": value}]}).samples[0].fields["v"]


@pytest.mark.parametrize("names", [["q", "a", "a"], ["a", 1, "1"]])
def test_a_dataframe_with_duplicate_columns_is_rejected(names: list[Any]) -> None:
    frame = pandas.DataFrame([["x", "y", "z"]], columns=names)
    twice = names[-1]
    assert problems({"rows": frame}) == [
        f"<suite>: data.rows: two columns of the DataFrame are called '{twice}'; rename one"
    ]


def test_arrays_of_numpy_are_lists() -> None:
    (sample,) = read({"rows": [{"q": numpy.array([1, 2]), "a": numpy.array(["x", "y"])}]})
    assert sample.fields["q"] == [1, 2]
    assert sample.targets == ("x", "y")
    frame = pandas.DataFrame({"q": ["u"], "a": [numpy.array(["x", "y"])]})
    assert read({"rows": frame}).samples[0].targets == ("x", "y")
