"""Certificates that a gate requires."""

from __future__ import annotations

import pytest

from evalkit.gates import parse
from evalkit.gates.certified import AT_LEAST, AT_MOST, requirement_problem


def test_certificate_requirements_are_validated() -> None:
    gate = parse({"metric": "good", "min": 1.5, "certified": {"kappa": 0.5}})
    assert gate.rule == "good >= 1.5, certified kappa 0.5"
    assert gate.certified == (("kappa", 0.5),)
    assert "did you mean 'kappa'" in str(requirement_problem({"kapa": 0.5}))
    assert "such as {kappa: 0.6}" in str(requirement_problem(True))


@pytest.mark.parametrize("name", [*AT_LEAST, *AT_MOST])
def test_bounds_must_be_numbers(name: str) -> None:
    assert requirement_problem({name: 1}) is None
    assert requirement_problem({name: 0.5}) is None
    for wrong in ("0.5", True, None):
        said = f"'{name}' must be a number; found {wrong!r}"
        assert requirement_problem({name: wrong}) == said


@pytest.mark.parametrize("wrong", [None, {}, [], "kappa", 0.6])
def test_requirements_must_be_a_mapping(wrong: object) -> None:
    assert f"found {wrong!r}" in str(requirement_problem(wrong))
