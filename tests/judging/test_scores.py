"""From the grades of samples to a score with its interval, by hand."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from evalkit.judging.scores import judged_score
from evalkit.stats.intervals import wilson
from tests.stats.reference import bounds


def test_a_mean_of_yes_and_no_is_a_proportion() -> None:
    score = judged_score("s", [1.0] * 8 + [0.0] * 2, low=0, high=1, better="higher")
    assert (score.value, score.n) == (0.8, 10)
    assert score.low == pytest.approx(wilson(8, 10).low)
    assert score.high == pytest.approx(beta.ppf(0.95, 9, 2)), "exact: Wilson's errs too often"


def test_equal_grades_do_not_mean_certainty() -> None:
    """All at 3 of 1 to 5: as far out as one more grade at an end could bring the mean."""
    score = judged_score("s", [3.0] * 10, low=1, high=5, better="higher")
    low, high = bounds([0.5] * 10)
    assert (score.low, score.high) == pytest.approx((1 + 4 * low, 1 + 4 * high), abs=0.02)
    assert score.high - score.low > 1


def test_lost_grades_bound_the_score() -> None:
    score = judged_score("s", [4.0, 5.0], low=1, high=5, better="higher", lost=2)
    assert (score.worst_low, score.worst_high) == ((4 + 5 + 1 + 1) / 4, (4 + 5 + 5 + 5) / 4)


def test_without_judgments_there_is_no_score() -> None:
    score = judged_score("s", [], low=1, high=5, better="higher", lost=3)
    assert score.value is None
    assert "no sample was judged" in score.note
