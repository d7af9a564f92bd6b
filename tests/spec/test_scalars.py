"""Scalars of YAML are what they look like."""

from __future__ import annotations

import math

import pytest

from evalkit.spec.scalars import scalar
from evalkit.spec.source import parse_yaml


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("2026-01-01", "2026-01-01"),
        ("12:30", "12:30"),
        ("1:30:00", "1:30:00"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("1.50", 1.5),
        ("-.inf", -math.inf),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!float 3", 3.0),
    ],
)
def test_scalars_are_what_they_look_like(loader: str, written: str, value: object) -> None:
    found = parse_yaml(f"key: {written}", "f.yaml").value["key"]
    assert found == value
    assert type(found) is type(value)


def test_scalar_reads_one_value() -> None:
    found = [scalar(text) for text in ("4", "0.5", "true", "null", "nf4", "no", "[1]", "")]
    assert found == [4, 0.5, True, None, "nf4", "no", "[1]", None]


def test_nan_parses_as_a_float() -> None:
    assert math.isnan(parse_yaml("a: .nan", "f").value["a"])


def test_numbers_keep_their_spelling() -> None:
    found = parse_yaml("labels: [1.50, true, x]", "f")
    assert found.text("labels", 0) == "1.50"
    assert found.text("labels", 1) == "true"
    assert found.text("labels", 2) is None
    assert found.text("labels", 9) is None
