"""Draws of the posterior."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalkit.stats.bayesian_bootstrap import posterior_interval


def ones(values: list[float]) -> np.ndarray:
    return np.column_stack([values, np.ones(len(values))])


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def test_draws_of_a_mean_are_the_posterior_of_a_proportion() -> None:
    """Zeros, ones and a prior of one case that is either: a Beta posterior, nearly."""
    rows = ones([1.0] * 60 + [0.0] * 40)
    low, high, _ = posterior_interval(rows, ones([0.0, 1.0]), mean)
    expected = stats.beta(60.5, 40.5).ppf([0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(expected), abs=0.012)


def test_draws_without_variation_reach_the_rule_of_three() -> None:
    rows = ones([1.0] * 100)
    low, high, _ = posterior_interval(rows, ones([0.0, 1.0]), mean)
    assert high == 1.0
    assert low == pytest.approx(0.025 ** (1 / 100), abs=0.006)
    assert math.isnan(posterior_interval(rows[:1], ones([0.0, 1.0]), mean).low)
