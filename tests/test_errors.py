"""Errors: their order, and names that are nearly right."""

from __future__ import annotations

import pytest

from evalkit.errors import (
    EvalkitError,
    Problem,
    SpecError,
    nearest,
    project_errors,
    repeated,
    shortened,
    stated,
    unknown,
)


def test_problems_are_in_file_order_and_each_once() -> None:
    problems = [
        Problem("b.yaml", 1, "", "last"),
        Problem("a.yaml", 3, "rows[10]", "third"),
        Problem("a.yaml", 3, "rows[2]", "second"),
        Problem("a.yaml", 0, "", "first"),
        Problem("a.yaml", 3, "rows[2]", "second"),
    ]
    assert str(SpecError(problems)).splitlines() == [
        "a.yaml: first",
        "a.yaml:3: rows[2]: second",
        "a.yaml:3: rows[10]: third",
        "b.yaml:1: last",
    ]


def test_the_nearest_name_is_suggested_whatever_its_case() -> None:
    assert nearest("acuracy", ["accuracy", "f1"]) == "accuracy"
    assert nearest("ACCURACY", ["accuracy", "f1"]) == "accuracy"
    assert nearest("bleu", ["accuracy", "f1"]) is None
    assert nearest("x" * 10_000, ["x" * 10_000]) is None


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert unknown("metric", "blue", ["bleu", "f1"]) == (
        "unknown metric 'blue'; did you mean 'bleu'? (known: bleu, f1)"
    )
    assert unknown("metric", "f2", []).endswith("(known: none)")
    assert unknown("row", "?", [str(i) for i in range(1100)]).endswith("99 and 1,000 more)")


def test_what_exits_is_an_error_and_ctrl_c_passes() -> None:
    with pytest.raises(EvalkitError, match="a hook raised SystemExit: 3"), project_errors("a hook"):
        raise SystemExit(3)
    with pytest.raises(KeyboardInterrupt), project_errors():
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="own"), project_errors():
        raise ValueError("own")


def test_values_and_names_in_messages() -> None:
    assert stated(ValueError()) == "ValueError"
    assert len(shortened("x" * 1000)) == 200
    assert shortened(10**10_000) == "a very large int"
    assert repeated(["b", "a", "c", "b", "a"]) == "a"
    assert repeated(["b", "a"]) is None
