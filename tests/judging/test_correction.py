"""Rates corrected by a judge's errors on labelled cases."""

from __future__ import annotations

import pytest

from evalkit.judging.correction import corrected_rate
from evalkit.judging.refusal_rates import Stratum, corrected_strata
from evalkit.stats.intervals import wilson
from tests.judging.test_refusal_rates import TABLE


def test_a_rate_is_rogan_and_gladens() -> None:
    made = corrected_rate((30, 100), TABLE)
    assert made.value == pytest.approx((0.3 + 0.9 - 1) / (0.9 + 0.9 - 1))
    assert made.low < made.value < made.high
    raw = wilson(30, 100)
    assert made.high - made.low >= raw.high - raw.low


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        (((10, 2), (1, 4)), "17 labelled cases, fewer than 20"),
        (((40, 3), (0, 0)), "people said no to every labelled case"),
        (((20, 20), (20, 20)), "kappa is not significantly above 0"),
    ],
)
def test_a_grader_with_too_few_labels_corrects_nothing(
    counts: tuple[tuple[int, int], tuple[int, int]], why: str
) -> None:
    assert why in corrected_rate((30, 100), counts).why
    assert why in corrected_strata([Stratum(30, 100, counts)], wilson(30, 100)).why


def test_a_clipped_correction_is_no_more_certain_than_the_raw_rate() -> None:
    raw = wilson(4, 100)
    made = corrected_strata([Stratum(4, 100, TABLE)], raw)
    assert made.value == 0.0  # .04 is less than the rate of false alarms
    assert made.low == 0.0
    assert made.high >= raw.high - raw.low
