"""Intervals against published values and SciPy."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from evalkit.stats.intervals import wilson, worst_case


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (38, 40, 0.8350, 0.9862),
        (0, 50, 0.0, 0.0713),
        # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(successes: int, n: int, low: float, high: float) -> None:
    interval = wilson(successes, n)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)
    assert interval.method == "wilson"


def test_wilson_equals_scipy() -> None:
    for n in (1, 2, 10, 333):
        for k in {0, 1, n // 2, n - 1, n}:
            for confidence in (0.8, 0.95, 0.99):
                expected = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
                got = wilson(k, n, confidence)
                assert got[:2] == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_without_samples() -> None:
    assert math.isnan(wilson(0, 0).low)
    assert wilson(0, 0).method == ""


def test_worst_case_by_hand() -> None:
    assert worst_case(0.8, 90, 10) == pytest.approx((0.72, 0.82))
    assert worst_case(0.8, 100, 0) == pytest.approx((0.8, 0.8))
    assert worst_case(math.nan, 0, 5) == (0.0, 1.0)
    assert math.isnan(worst_case(math.nan, 0, 0)[0])
