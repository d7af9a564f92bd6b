"""Repeated answers: by hand, and against enumeration."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from evalkit.stats.repeats import flake_rate, pass_at_k

ANSWERS = [[1, 1, 1], [1, 0, 1], [0, 0, 0], [0, math.nan, 1], [math.nan, math.nan, math.nan]]


def test_flake_rate() -> None:
    assert flake_rate(ANSWERS) == 0.5
    assert math.isnan(flake_rate([[1], [0]]))
    with pytest.raises(ValueError, match="questions, repeats"):
        flake_rate([1, 0])


@pytest.mark.parametrize(("n", "correct"), [(5, 0), (5, 2), (5, 5), (7, 1)])
def test_pass_at_k_by_enumeration(n: int, correct: int) -> None:
    right = [True] * correct + [False] * (n - correct)
    for k in range(1, n + 1):
        drawn = list(combinations(right, k))
        assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, drawn)) / len(drawn))


def test_pass_at_k_rejects_invalid_counts() -> None:
    with pytest.raises(ValueError, match="is undefined"):
        pass_at_k(3, 4, 1)
    with pytest.raises(ValueError, match="is undefined"):
        pass_at_k(3, 1, 4)
