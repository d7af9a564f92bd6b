"""Repeated answers: by hand, and against enumeration."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from evalkit.stats.power import samples_for_difference
from evalkit.stats.repeats import (
    difference_variance,
    flake_rate,
    pass_at_k,
    per_question,
    scatter,
)

ANSWERS = [[1, 1, 1], [1, 0, 1], [0, 0, 0], [0, math.nan, 1], [math.nan, math.nan, math.nan]]


def test_questions_are_averaged_first() -> None:
    assert per_question(ANSWERS) == pytest.approx([1, 2 / 3, 0, 0.5, math.nan], nan_ok=True)


def test_flake_rate() -> None:
    assert flake_rate(ANSWERS) == 0.5
    assert math.isnan(flake_rate([[1], [0]]))
    with pytest.raises(ValueError, match="questions, repeats"):
        flake_rate([1, 0])


def test_scatter() -> None:
    assert scatter([[0, 1], [1, 1]]) == pytest.approx(0.25)
    assert math.isnan(scatter([[1], [0]]))


def test_variance_components_are_recovered() -> None:
    rng = np.random.default_rng(0)
    gap = rng.normal(0.1, math.sqrt(1 / 9), size=4000)
    a = rng.normal(0, math.sqrt(1 / 6), size=(4000, 4))
    b = gap[:, None] + rng.normal(0, math.sqrt(1 / 6), size=(4000, 4))
    assert scatter(a) == pytest.approx(1 / 6, rel=0.03)
    assert difference_variance(a, b) == pytest.approx(1 / 9, rel=0.08)
    # one repeat: everything counts as between questions, and the number needed stays the same
    single = difference_variance(a[:, :1], b[:, :1])
    assert single == pytest.approx(1 / 9 + 1 / 3, rel=0.08)
    assert samples_for_difference(0.03, single) == pytest.approx(3876, rel=0.08)


@pytest.mark.parametrize(("n", "correct"), [(5, 0), (5, 2), (5, 5), (7, 1)])
def test_pass_at_k_by_enumeration(n: int, correct: int) -> None:
    right = [True] * correct + [False] * (n - correct)
    for k in range(1, n + 1):
        drawn = list(combinations(right, k))
        assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, drawn)) / len(drawn))


def test_pass_at_k_of_nonsense() -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        pass_at_k(3, 4, 1)
    with pytest.raises(ValueError, match="makes no sense"):
        pass_at_k(3, 1, 4)
