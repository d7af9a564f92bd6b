"""The jackknife's and the Bayesian bootstrap's intervals, against formulas and exact bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalkit.stats.jackknife import hidden_share, jackknife_error, jackknife_interval


def test_the_error_of_a_mean_is_the_standard_error() -> None:
    x = np.random.default_rng(0).normal(size=60)
    error, degrees = jackknife_error((x.sum() - x) / 59)
    assert error == pytest.approx(stats.sem(x))
    assert 40 < degrees <= 59


def test_a_variance_of_few_cases_has_few_degrees_of_freedom() -> None:
    x = np.r_[np.zeros(38), 1.0, -1.0]
    assert jackknife_error((x.sum() - x) / 39)[1] == 6.0
    assert jackknife_error(np.zeros(40)) == (0.0, 39.0)


def test_without_variation_the_interval_is_the_effect_of_one_more_case() -> None:
    """40 cases alike; one more moves the score by 1/41, either way."""
    found = jackknife_interval(0.0, np.zeros(40), [1 / 41, -1 / 41])
    assert found.high == -found.low == pytest.approx(stats.t(39).ppf(0.975) / 41)
    assert hidden_share(40) == pytest.approx(1.96**2 / (40 + 1.96**2), abs=1e-4)


def test_a_figure_that_depends_on_one_case_has_no_interval() -> None:
    assert math.isnan(jackknife_interval(1.0, [1.0, math.nan, 1.0], [1.0]).low)
    assert math.isnan(jackknife_interval(1.0, [1.0], [1.0]).low)
