"""Grades of several judges as one, and scores with their intervals; by hand."""

from __future__ import annotations

import pytest

from evalkit.judging.panel import combined, panel_of


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
