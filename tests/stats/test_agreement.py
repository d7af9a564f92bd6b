"""Agreement against scikit-learn, SciPy and published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from evalkit.stats.agreement import (
    kappa_interval,
    kappa_of_counts,
    krippendorff_alpha,
    krippendorff_interval,
    rank_correlation,
)
from evalkit.stats.intervals import Interval, wilson

# K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): four observers, twelve units
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


@pytest.mark.parametrize(
    ("level", "alpha"),
    [("nominal", 0.743), ("interval", 0.849)],
)
def test_krippendorff_published(level: str, alpha: float) -> None:
    units = list(zip(*OBSERVERS, strict=True))
    assert krippendorff_alpha(units, level) == pytest.approx(alpha, abs=5e-4)


def test_krippendorff_without_variation() -> None:
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff_alpha([[1, None], [None, 2]]))
    with pytest.raises(ValueError, match="nominal"):
        krippendorff_alpha([[1, 2]], "levels")


def test_a_perfect_alpha_of_few_items_is_not_certain() -> None:
    """The share of items that all agree is bounded by Wilson's n of n; alpha is below that."""
    for level in ("nominal", "interval"):
        few = krippendorff_interval([[1, 1], [2, 2], [3, 3]], level)
        assert (few.low, few.high) == (-1.0, 1.0)
        items = [[1 + i % 5] * 2 for i in range(20)]
        assert krippendorff_alpha(items, level) == 1.0
        twenty = krippendorff_interval(items, level)
        assert 0.5 < twenty.low < wilson(20, 20).low
        assert twenty.high == 1.0
    assert math.isnan(krippendorff_interval([[1, 1]] * 20).low)


def kappa(a: list[int], b: list[int], weights: str = "", k: int = 4) -> float:
    table = np.zeros((1, k, k))
    np.add.at(table[0], (a, b), 1)
    return float(kappa_of_counts(weights, table)[0])


def bounds(a: list[int], b: list[int], weights: str = "", k: int = 4) -> Interval:
    return kappa_interval(list(zip(a, b, strict=True)), k, weights)


@pytest.mark.parametrize("weights", ["", "linear", "quadratic"])
def test_kappa_equals_scikit_learn(weights: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a = rng.integers(0, 4, size=20).tolist()
        b = [x if rng.random() < 0.5 else int(rng.integers(0, 4)) for x in a]
        expected = cohen_kappa_score(a, b, weights=weights or None, labels=range(4))
        assert kappa(a, b, weights) == pytest.approx(expected, abs=1e-12)


def test_kappa_of_one_rating_is_undefined() -> None:
    assert math.isnan(kappa([1] * 30, [1] * 30))
    assert math.isnan(bounds([1] * 30, [1] * 30).low)


def test_kappas_interval_is_asymptotic_for_large_samples() -> None:
    # Fleiss, Cohen and Everitt (1969): the standard error of kappa for this 2×2 table
    counts = np.array([[400, 100], [50, 450]])
    p = counts / 1000
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    agree, chance = np.trace(p), rows @ columns
    value = (agree - chance) / (1 - chance)
    pairs = np.repeat([(0, 0), (0, 1), (1, 0), (1, 1)], counts.ravel(), axis=0)
    assert kappa(*pairs.T.tolist(), k=2) == pytest.approx(value)
    inner = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - value)) ** 2 for i in (0, 1))
    outer = (
        sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i in (0, 1) for j in (0, 1) if i != j)
        * (1 - value) ** 2
    )
    error = math.sqrt((inner + outer - (value - chance * (1 - value)) ** 2) / 1000) / (1 - chance)
    interval = kappa_interval(pairs, 2)
    assert interval.low == pytest.approx(value - 1.96 * error, abs=0.005)
    assert interval.high == pytest.approx(value + 1.96 * error, abs=0.005)


@pytest.mark.parametrize("n", [20, 50, 200])
def test_perfect_kappa_is_bounded_by_the_possible_share_of_errors(n: int) -> None:
    """Two ratings, equally frequent: kappa = 1 - 2e at a share e of errors; e is near 3.7/n."""
    half = [i % 2 for i in range(n)]
    interval = bounds(half, half, k=2)
    hidden = 1 - 0.025 ** (1 / n)  # Clopper and Pearson's upper bound of 0 of n, two-sided
    assert interval.high == 1.0
    assert 1 - 2.8 * hidden < interval.low < 1 - 2 * hidden


def test_ratings_of_one_case_are_one_observation() -> None:
    """Four ratings of a case that are all alike tell as much as one."""
    rng = np.random.default_rng(4)
    a = rng.integers(0, 4, size=40)
    b = np.where(rng.random(40) < 0.7, a, rng.integers(0, 4, size=40))
    alone = kappa_interval(np.column_stack([a, b]), 4)
    pairs, cases = np.repeat(np.column_stack([a, b]), 4, axis=0), np.repeat(np.arange(40), 4)
    together = kappa_interval(pairs, 4, units=cases.tolist())
    assert together.low == pytest.approx(alone.low, abs=0.03)
    assert together.high == pytest.approx(alone.high, abs=0.03)
    few = kappa_interval(pairs[:16], 4, units=cases[:16].tolist())
    assert (few.low, few.high) == (-1.0, 1.0)


def test_a_constant_rater_has_a_kappa_of_0_that_is_not_certain() -> None:
    varied = [i % 4 for i in range(20)]
    for pair in ((varied, [2] * 20), ([2] * 20, varied)):
        for weights in ("", "quadratic"):
            low, high, _ = bounds(*pair, weights)
            assert low < -0.05
            assert high > 0.05


def test_rank_correlations_equal_scipy() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        a = rng.integers(0, 6, size=15)
        b = a + rng.integers(-2, 3, size=15)
        rho, tau = stats.spearmanr(a, b).statistic, stats.kendalltau(a, b).statistic
        for kind, expected in (("spearman", rho), ("kendall", tau)):
            value, interval = rank_correlation(kind, a, b)
            assert value == pytest.approx(expected, abs=1e-12)
            assert -1 <= interval.low < value < interval.high <= 1
    for kind in ("spearman", "kendall"):
        value, interval = rank_correlation(kind, [1, 1], [1, 2])
        assert math.isnan(value)
        assert math.isnan(interval.low)


@pytest.mark.parametrize("kind", ["spearman", "kendall"])
def test_a_perfect_rank_correlation_is_bounded_like_n_of_n(kind: str) -> None:
    for n in (2, 3, 4):
        value, interval = rank_correlation(kind, range(n), range(n))
        assert (value, interval.low, interval.high) == pytest.approx((1.0, -1.0, 1.0))
    for n in (5, 20, 100):
        value, interval = rank_correlation(kind, range(n), range(n))
        assert (value, interval.high) == pytest.approx((1.0, 1.0))
        assert 0 < interval.low < wilson(n, n).low
        turned = rank_correlation(kind, range(n), range(n, 0, -1))[1]
        assert (turned.low, turned.high) == pytest.approx((-1.0, -interval.low))
    # Two levels: half of the cases that do not follow look as if they did.
    half = [i % 2 for i in range(40)]
    bound = 1 - 2 * (1 - wilson(40, 40).low)
    assert rank_correlation(kind, half, half)[1].low == pytest.approx(bound)


def test_two_errors_among_many_do_not_make_the_rest_certain() -> None:
    a = np.arange(40.0)
    b = a.copy()
    b[[3, 30]] = b[[30, 3]]
    for kind in ("spearman", "kendall"):
        value, interval = rank_correlation(kind, a, b)
        assert value > 0.8
        assert 0.3 < interval.low < 0.7  # 1.96 times the error of such a share is .1
