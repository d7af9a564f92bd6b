"""The permutation test over signs."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from evalkit.stats.differences import of_values
from evalkit.stats.paired import compare, paired_proportions
from evalkit.stats.permutation import sign_flip
from tests.stats.test_paired import counts


def test_the_smallest_p_value_is_two_over_all_signs() -> None:
    for n in range(2, 14):
        assert compare(np.zeros(n), np.arange(1, n + 1)).p == pytest.approx(2 / 2**n)


@pytest.mark.parametrize("n", [2, 5, 8, 12])
def test_sign_flips_equal_scipys_permutation_test(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(5):
        a, b = rng.normal(size=n), np.round(rng.normal(0.5, 1, size=n), 1)
        a[: n // 3] = b[: n // 3]
        expected = stats.permutation_test(
            (a, b), lambda x, y, axis: (y - x).mean(axis=axis), permutation_type="samples",
            vectorized=True, n_resamples=np.inf,
        )  # fmt: skip
        found = compare(a, b, width=10)
        assert found.p == pytest.approx(min(1.0, expected.pvalue))
        assert found.test == "permutation, exact"


def test_the_bounds_of_sign_flips_are_just_rejected_shifts() -> None:
    rng = np.random.default_rng(0)
    d = rng.normal(0.3, 1, size=9)
    low, high = sign_flip(d, np.ones(9)).ends

    def p(shift: float) -> float:
        return sign_flip(d - shift, np.ones(9)).p

    assert p(low - 1e-9) <= 0.05 < p(low + 1e-9)
    assert p(high + 1e-9) <= 0.05 < p(high - 1e-9)


def test_drawn_permutations_agree_with_the_t_test_on_many_normal_values() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.15, 0.3):
        a = rng.normal(size=150)
        b = a + rng.normal(shift, 1, size=150)
        expected = stats.ttest_rel(b, a)
        interval = expected.confidence_interval(0.95)
        tested = sign_flip(b - a, np.ones(150))
        assert tested.p == pytest.approx(expected.pvalue, abs=0.01)
        assert tested.ends == pytest.approx((interval.low, interval.high), abs=0.01)


def test_few_differences_among_many_samples_are_enumerated() -> None:
    a = np.zeros(300)
    b = a.copy()
    b[:6] = [0.1, 0.5, 0.2, 0.3, 0.9, 0.4]
    found = compare(a, b, width=1)
    assert (found.p, found.test) == (2 / 2**6, "permutation, exact")
    assert 0 < found.low < found.high
    b[5] = 0
    found = compare(a, b, width=1)
    assert found.p == 2 / 2**5
    assert found.low < 0


def test_the_permutation_test_keeps_its_level_over_all_signs() -> None:
    rng = np.random.default_rng(5)
    for n, ties in ((5, 0), (8, 3), (10, 0), (10, 5)):
        sizes = rng.exponential(size=n)
        sizes[:ties] = 0
        rejected = [
            compare(np.zeros(n), sizes * np.array(signs)).p <= 0.05
            for signs in product((-1, 1), repeat=n)
        ]
        assert np.mean(rejected) <= 0.05
    sizes = np.round(rng.exponential(size=10), 0) / 4  # of few levels
    rejected = [
        compare(np.zeros(10), sizes * np.array(s)).p <= 0.05 for s in product((-1, 1), repeat=10)
    ]
    assert np.mean(rejected) <= 0.05


def test_clusters_are_flipped_whole() -> None:
    # Six clusters of four equal differences are six differences.
    level = np.array([0.2, 0.1, 0.4, 0.3, 0.25, 0.15])
    clusters = [i // 4 for i in range(24)]
    found = compare(np.zeros(24), np.repeat(level, 4), clusters=clusters, width=1)
    alone = compare(np.zeros(6), level, width=1)
    assert found.p == alone.p == 2 / 2**6
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
    assert found.test == "permutation, exact, clustered"


def test_clusters_of_one_equal_no_clusters() -> None:
    a, b = counts(15, 5, 40)
    found = compare(a, b, clusters=[f"c{i}" for i in range(40)])
    assert found == compare(a, b)


def test_few_clusters_without_variation_prove_nothing() -> None:
    clusters = ["a"] * 10 + ["b"] * 10 + ["c"] * 10
    found = compare([0] * 30, [1] * 30, clusters=clusters, width=1)
    assert found.p == 2 / 2**3
    assert found.low < 0
    nothing = compare([1] * 30, [1] * 30, clusters=clusters, width=1)
    three = paired_proportions([1] * 3, [1] * 3)
    assert (nothing.low, nothing.high) == pytest.approx((three.low, three.high))
    one = compare([0] * 4, [1] * 4, clusters=["a"] * 4, width=1)
    assert math.isnan(one.p)
    assert math.isnan(one.low)


def test_a_large_cluster_counts_by_its_size() -> None:
    clusters = [0] * 50 + list(range(1, 51))
    seen = of_values(np.zeros(100), 1.0, clusters)
    assert seen.n == pytest.approx(100**2 / (50**2 + 50))
    # The standard error of a ratio: the roots of summed squares of what clusters deviate by.
    d = np.r_[np.full(50, 0.2), np.tile([1.0, 0.0], 25)]
    deviations = [50 * (0.2 - d.mean()), *(x - d.mean() for x in d[50:])]
    seen = of_values(d, 1.0, clusters)
    expected = np.sqrt(np.sum(np.square(deviations))) / 100 * np.sqrt(seen.n / (seen.n - 1))
    assert seen.error == pytest.approx(expected)


def test_clusters_of_unequal_size_keep_the_level() -> None:
    """Eight clusters whose samples resemble each other, one of them holding half of all."""
    rng = np.random.default_rng(6)
    sizes = [20, 3, 3, 3, 3, 3, 3, 2]
    clusters = np.repeat(np.arange(8), sizes).tolist()
    shared = np.repeat(rng.normal(scale=0.1, size=8), sizes)
    d = np.clip(shared + rng.normal(scale=0.1, size=40), -0.5, 0.5)
    found = [
        compare(np.full(40, 0.5), 0.5 + d * np.repeat(signs, sizes), clusters=clusters, width=1)
        for signs in product((-1, 1), repeat=8)
    ]
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.05
    assert np.mean([one.low >= 0 for one in found]) <= 0.025


def test_many_differences_need_no_permutations() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 10_500), rng.normal(0.1, 1, 10_500)
    drawn, closed = compare(a[:10_000], b[:10_000]), compare(a, b)
    assert drawn.high - drawn.low == pytest.approx(closed.high - closed.low, rel=0.06)
    interval = stats.ttest_rel(b, a).confidence_interval(0.95)
    tested = sign_flip(b[:9_000] - a[:9_000], np.ones(9_000))
    assert closed.low == pytest.approx(interval.low, abs=1e-4)
    assert interval.high <= closed.high <= interval.high + 0.002
    assert tested.p == pytest.approx(1 / 10_001, rel=0.01)
    assert closed.p == pytest.approx(1 / 10_001, rel=0.01), (
        "never smaller than permutations have it"
    )
    certain = compare(np.zeros(10_500), np.full(10_500, 0.25), width=1)
    assert 0 < certain.p < 0.001
    assert 0 < certain.low < 0.25 < certain.high
