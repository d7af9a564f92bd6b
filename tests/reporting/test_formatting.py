from __future__ import annotations

import math

import pytest

from evalkit.reporting import formatting as words
from evalkit.reporting.page import moment


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.61304, "0.613"), (1.0, "1.000"), (0.0, "0.000"), (-0.2, "−0.200"), (9.9994, "9.999"),
        (31.416, "31.42"), (123.456, "123.5"), (12345.6, "12,346"), (0.00012, "1.2e-04"),
        (None, "–"), (math.nan, "–"), (math.inf, "–"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert words.number(value) == text


def test_intervals_and_margins() -> None:
    assert words.interval(-0.5, 0.25) == "[−0.500, 0.250]"
    assert words.interval(None, 0.25) == words.interval(math.nan, 1.0) == ""
    assert [words.signed(v) for v in (0.013, -0.19, 0.0, None)] == [
        "+0.013",
        "−0.190",
        "+0.000",
        "–",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.421, "0.42 s"), (12.4, "12 s"), (200, "3 min 20 s"), (3599.7, "1 h 00 min"),
     (7500, "2 h 05 min")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_times_are_utc() -> None:
    assert moment("2026-11-21T22:25:11.173+00:00") == "2026-11-21 22:25:11 UTC"
    assert moment("2026-11-21T23:25:11+01:00") == "2026-11-21 22:25:11 UTC"
    assert moment(None) == "–"
