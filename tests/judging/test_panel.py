"""Grades of several judges as one, and scores with their intervals; by hand."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from evalkit.judging.panel import combined, panel_of
from evalkit.judging.scores import judged_score
from evalkit.stats.intervals import wilson
from tests.stats.reference import bounds


@pytest.mark.parametrize(
    ("grades", "how", "expected"),
    [
        ([1, 2, 6], "mean", 3.0),
        ([1, 2, 6], "median", 2.0),
        ([1, 1, 6], "majority", 1.0),
        ([1, 6], "majority", 3.5),
        ([5], "majority", 5.0),
    ],
)
def test_one_grade_of_several(grades: list[float], how: str, expected: float) -> None:
    assert combined(grades, how) == expected


def test_a_panel_that_agrees_and_one_that_does_not() -> None:
    alike = panel_of("pointwise", [[1, 3, 5], [1, 3, 5]])
    assert (alike.alpha, alike.differ) == (pytest.approx(1.0), 0)
    assert alike.alpha_low is not None
    assert alike.alpha_high is not None
    assert alike.alpha_low < 0.9 < alike.alpha_high  # few items prove little
    apart = panel_of("pointwise", [[1, 3, None], [5, 3, 2]])
    assert apart.differ == 1
    assert apart.complete == 2
    assert apart.alpha is not None
    assert apart.alpha < 0.5


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
