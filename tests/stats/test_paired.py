"""Paired comparisons against SciPy and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalkit.metrics.translation import bleu_of_sums
from evalkit.stats.paired import (
    compare,
    holm,
    mcnemar,
    non_inferior,
    paired_bootstrap,
    paired_bootstrap_sums,
    paired_proportions,
    paired_t,
)


def binary(both: int, only_b: int, only_a: int, neither: int) -> tuple[list[int], list[int]]:
    """Two columns of 0/1 with these counts."""
    a = [1] * both + [0] * only_b + [1] * only_a + [0] * neither
    b = [1] * both + [1] * only_b + [0] * only_a + [0] * neither
    return a, b


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(15, 5, 0.0414), (10, 2, 0.0386), (5, 15, 0.0414)]
)
def test_mcnemar_published(wins: int, losses: int, p: float) -> None:
    assert mcnemar(wins, losses) == pytest.approx(p, abs=5e-5)


def test_mcnemar_is_a_binomial_test() -> None:
    for wins in range(8):
        for losses in range(8):
            n = wins + losses
            expected = stats.binomtest(wins, n).pvalue if n else 1.0
            assert mcnemar(wins, losses) == pytest.approx(expected, abs=1e-12)


def test_paired_t_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=20), rng.normal(0.3, size=20)
    assert paired_t(a, b) == pytest.approx(stats.ttest_rel(b, a).pvalue, rel=1e-10)


def test_paired_t_without_variation() -> None:
    assert paired_t([1, 2], [1, 2]) == 1.0
    assert paired_t([1, 2], [2, 3]) == 0.0
    assert math.isnan(paired_t([1], [2]))


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998) 2635-2650, table II, method 10
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((54, 0, 0, 0), -0.0664, 0.0664),
    ],
)
def test_newcombes_paired_interval_published(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert paired_proportions(*binary(*counts))[:2] == pytest.approx((low, high), abs=1e-4)


def test_newcombes_paired_interval_holds_the_truth() -> None:
    """2,000 pairs of columns of 60 that are right on .7 and .6 of the samples."""
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(2000):
        counts = rng.multinomial(60, [0.5, 0.2, 0.1, 0.2])
        interval = paired_proportions(*binary(*counts.tolist()))
        held += interval.low <= 0.1 <= interval.high
    assert 0.94 <= held / 2000 <= 0.975


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
    adjusted = holm([0.01, math.nan, 0.02])
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])


def test_compare_two_prompts_on_200_samples() -> None:
    compared = compare(*binary(100, 15, 5, 80))
    assert (compared.wins, compared.losses, compared.ties, compared.n) == (15, 5, 180, 200)
    assert compared.difference == pytest.approx(0.05)
    assert compared.p == pytest.approx(0.0414, abs=5e-5)
    assert compared.test == "McNemar, exact"
    assert compared.low < 0.05 < compared.high


def test_compare_turns_around() -> None:
    rng = np.random.default_rng(1)
    for a, b in (binary(5, 9, 2, 4), (rng.random(30), rng.random(30))):
        one, other = compare(a, b), compare(b, a)
        assert one.difference == pytest.approx(-other.difference)
        assert one.p == pytest.approx(other.p)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=0.01)
        assert (one.wins, one.losses) == (other.losses, other.wins)


def test_compare_nothing() -> None:
    compared = compare([], [])
    assert compared.n == 0
    assert math.isnan(compared.p)
    with pytest.raises(ValueError, match="differ in length"):
        compare([1], [1, 0])


def test_pairing_removes_what_the_samples_share() -> None:
    rng = np.random.default_rng(2)
    hard = rng.normal(0, 10, size=100)
    a, b = hard + rng.normal(size=100), hard + 1 + rng.normal(size=100)
    interval = paired_bootstrap(a, b)
    assert 0.5 < interval.low < 1 < interval.high < 1.6


def test_paired_corpus_scores_are_resampled_together() -> None:
    """A system that is the other with one more match everywhere is surely better."""
    rng = np.random.default_rng(3)
    totals = np.tile([20, 20, 20, 19, 18, 17], (50, 1))[:, [0, 1]]
    matches = rng.integers(5, 15, size=(50, 1)) - np.arange(4)
    rows = np.hstack([totals, matches, np.tile([20, 19, 18, 17], (50, 1))])
    better = rows.copy()
    better[:, 2:6] += 1
    interval = paired_bootstrap_sums(rows, better, bleu_of_sums, resamples=500)
    gain = (
        bleu_of_sums(better.sum(axis=0)[None] * 1.0)[0]
        - bleu_of_sums(rows.sum(axis=0)[None] * 1.0)[0]
    )
    assert 0 < interval.low < gain < interval.high
    alone = rng.permutation(50)
    apart = paired_bootstrap_sums(rows, better[alone], bleu_of_sums, resamples=500)
    assert apart.high - apart.low > 2 * (interval.high - interval.low)


def test_non_inferiority() -> None:
    assert non_inferior(-0.019, 0.02)
    assert not non_inferior(-0.021, 0.02)


def test_many_differences_need_no_resampling() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 10_500), rng.normal(0.1, 1, 10_500)
    resampled, closed = compare(a[:10_000], b[:10_000]), compare(a, b)
    assert resampled.high - resampled.low == pytest.approx(closed.high - closed.low, rel=0.06)
    interval = stats.ttest_rel(b, a).confidence_interval(0.95)
    assert (closed.low, closed.high) == pytest.approx((interval.low, interval.high))
