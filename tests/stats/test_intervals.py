"""Intervals against published values and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalkit.stats.bootstrap import (
    bootstrap_counts,
    bootstrap_mean,
    bootstrap_sums,
    resampling_weights,
)
from evalkit.stats.intervals import t_interval, wilson, worst_case


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


def test_wilson_of_nothing() -> None:
    assert math.isnan(wilson(0, 0).low)
    assert wilson(0, 0).method == ""


def test_t_interval_equals_scipy() -> None:
    x = np.random.default_rng(0).normal(size=17)
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    assert t_interval(x, 0.9)[:2] == pytest.approx((expected.low, expected.high), rel=1e-10)
    assert math.isnan(t_interval([1.0]).low)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_bootstrap_agrees_with_scipys(method: str) -> None:
    x = np.random.default_rng(1).exponential(size=60)
    expected = stats.bootstrap(
        (x,), np.mean, n_resamples=20_000, method="BCa" if method == "bca" else "percentile", rng=2
    ).confidence_interval
    got = bootstrap_mean(x, method=method, resamples=20_000, widen=False)
    # Two Monte Carlo estimates of the same bounds: within a few thousandths of a standard error.
    assert got[:2] == pytest.approx((expected.low, expected.high), abs=0.01)


def test_bca_acceleration_and_bias_are_efrons() -> None:
    """The bounds from the same replicates are SciPy's to the last digit of interpolation."""
    x = np.random.default_rng(3).exponential(size=25)
    rows = np.column_stack([x, np.ones(25)])
    weights = np.concatenate(list(resampling_weights(25, seed=4, resamples=3000)))
    replicates = weights @ x / 25
    got = bootstrap_mean(x, seed=4, resamples=3000, widen=False)
    same = bootstrap_sums(rows, lambda s: s[:, 0] / s[:, 1], seed=4, resamples=3000, widen=False)
    assert got == same
    bias = stats.norm.ppf(np.mean(replicates < x.mean()))
    jackknife = (x.sum() - x) / 24
    away = jackknife.mean() - jackknife
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    for z, bound in ((-1.959964, got.low), (1.959964, got.high)):
        level = stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        assert bound == pytest.approx(np.quantile(replicates, level), rel=1e-6)


def test_counts_and_values_give_the_same_interval() -> None:
    """Resampling how often each value occurs is resampling the samples."""
    x = np.repeat([0.0, 0.5, 1.0], [20, 30, 50])
    by_counts = bootstrap_counts(
        [20, 30, 50], lambda c: c @ np.array([0, 0.5, 1]) / 100, resamples=40_000
    )
    by_sums = bootstrap_sums(
        np.column_stack([x, np.ones(100)]), lambda s: s[:, 0] / s[:, 1], resamples=40_000
    )
    assert by_counts[:2] == pytest.approx(by_sums[:2], abs=0.004)


def test_widening_is_students_at_small_n_and_nothing_at_large() -> None:
    x = np.random.default_rng(5).normal(size=8)
    plain = bootstrap_mean(x, method="percentile", widen=False)
    wide = bootstrap_mean(x, method="percentile")
    expected = stats.t.ppf(0.975, 7) * math.sqrt(8 / 7) / stats.norm.ppf(0.975)
    assert (wide.high - wide.low) / (plain.high - plain.low) == pytest.approx(expected, rel=0.1)
    x = np.random.default_rng(5).normal(size=5000)
    plain, wide = (bootstrap_mean(x, resamples=2000, widen=w) for w in (False, True))
    assert wide[:2] == pytest.approx(plain[:2], abs=1e-3)


def test_resampling_weights_count_n_draws() -> None:
    chunks = list(resampling_weights(1000, seed=0, resamples=10_000))
    assert len(chunks) > 1
    assert sum(len(c) for c in chunks) == 10_000
    for chunk in chunks:
        assert (chunk.sum(axis=1) == 1000).all()
    assert np.concatenate(chunks).mean(axis=0) == pytest.approx(np.ones(1000), abs=0.06)


def test_nothing_to_resample() -> None:
    assert math.isnan(bootstrap_mean([1.0]).low)
    assert math.isnan(bootstrap_counts([0, 0], lambda c: c[:, 0]).low)


def test_a_statistic_that_is_mostly_undefined_has_no_interval() -> None:
    undefined = bootstrap_counts([5, 5], lambda c: np.where(c[:, 0] > 5, 1.0 * c[:, 0], np.nan))
    assert math.isnan(undefined.low)


def test_worst_case_by_hand() -> None:
    assert worst_case(0.8, 90, 10) == pytest.approx((0.72, 0.82))
    assert worst_case(0.8, 100, 0) == pytest.approx((0.8, 0.8))
    assert worst_case(math.nan, 0, 5) == (0.0, 1.0)
    assert math.isnan(worst_case(math.nan, 0, 0)[0])
