"""Agreement against scikit-learn, SciPy and published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from evalkit.stats.agreement import (
    cohen_kappa,
    cohen_kappa_interval,
    fleiss_kappa,
    kendall,
    krippendorff_alpha,
    prediction_powered_mean,
    rogan_gladen,
    rogan_gladen_interval,
    spearman,
)

# K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): four observers, twelve units
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


@pytest.mark.parametrize(
    ("level", "alpha"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_krippendorff_published(level: str, alpha: float) -> None:
    units = list(zip(*OBSERVERS, strict=True))
    assert krippendorff_alpha(units, level) == pytest.approx(alpha, abs=5e-4)


def test_krippendorff_without_variation() -> None:
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff_alpha([[1, None], [None, 2]]))
    with pytest.raises(ValueError, match="nominal"):
        krippendorff_alpha([[1, 2]], "levels")


def test_fleiss_published() -> None:
    # the worked example of Fleiss' kappa with 10 subjects, 14 raters, 5 categories
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(table) == pytest.approx(0.210, abs=5e-4)
    assert math.isnan(fleiss_kappa([[3, 0], [3, 0]]))
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa([[2, 1], [1, 1]])


@pytest.mark.parametrize("weights", ["", "linear", "quadratic"])
def test_kappa_equals_scikit_learn(weights: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a = rng.integers(1, 5, size=20).tolist()
        b = [x if rng.random() < 0.5 else int(rng.integers(1, 5)) for x in a]
        expected = cohen_kappa_score(a, b, weights=weights or None)
        assert cohen_kappa(a, b, weights) == pytest.approx(expected, abs=1e-12)


def test_kappa_on_a_scale_with_unused_steps() -> None:
    a, b = ["low", "high", "low"], ["low", "high", "high"]
    scale = ["low", "middle", "high"]
    expected = cohen_kappa_score(a, b, labels=scale, weights="quadratic")
    assert cohen_kappa(a, b, "quadratic", scale) == pytest.approx(expected)
    assert math.isnan(cohen_kappa(["x", "x"], ["x", "x"]))


def test_kappas_interval_is_the_asymptotic_one_when_there_is_much() -> None:
    # Fleiss, Cohen and Everitt (1969): the standard error of kappa for this 2×2 table
    counts = np.array([[400, 100], [50, 450]])
    a = np.repeat([0, 0, 1, 1], counts.ravel()).tolist()
    b = np.repeat([0, 1, 0, 1], counts.ravel()).tolist()
    p = counts / 1000
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    agree, chance = np.trace(p), rows @ columns
    kappa = (agree - chance) / (1 - chance)
    assert cohen_kappa(a, b) == pytest.approx(kappa)
    inner = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in (0, 1))
    outer = (
        sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i in (0, 1) for j in (0, 1) if i != j)
        * (1 - kappa) ** 2
    )
    error = math.sqrt((inner + outer - (kappa - chance * (1 - kappa)) ** 2) / 1000) / (1 - chance)
    interval = cohen_kappa_interval(a, b)
    assert interval.low == pytest.approx(kappa - 1.96 * error, abs=0.005)
    assert interval.high == pytest.approx(kappa + 1.96 * error, abs=0.005)


def test_rank_correlations_equal_scipy() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        a = rng.integers(0, 6, size=15)
        b = a + rng.integers(-2, 3, size=15)
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
        assert kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)
    assert math.isnan(spearman([1, 1], [1, 2]))
    assert math.isnan(kendall([1, 1], [1, 2]))


def test_rogan_gladen_published() -> None:
    assert rogan_gladen(0.4, 0.7, 0.9) == pytest.approx(0.1667, abs=5e-5)
    assert rogan_gladen(0.1, 0.7, 0.9) == 0.0
    assert math.isnan(rogan_gladen(0.4, 0.5, 0.5))


def test_corrected_intervals_hold_the_truth() -> None:
    """2,000 suites with a judge of specificity .8 and sensitivity .9, true rate .3."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(2000):
        positives = rng.binomial(300, 0.3)
        called = rng.binomial(positives, 0.9) + rng.binomial(300 - positives, 0.2)
        interval = rogan_gladen_interval(
            (called, 300), (rng.binomial(80, 0.8), 80), (rng.binomial(80, 0.9), 80)
        )
        held += interval.low <= 0.3 <= interval.high
    assert 0.935 <= held / 2000 <= 0.98


def test_prediction_powered_intervals_hold_the_truth_and_are_shorter() -> None:
    rng = np.random.default_rng(3)
    held, shorter = 0, 0
    for _ in range(1000):
        truth = rng.normal(0.5, 1, size=1060)
        judged = truth + rng.normal(0.2, 0.5, size=1060)  # biased and noisy
        _, interval = prediction_powered_mean(truth[:60], judged[:60], judged[60:])
        held += interval.low <= 0.5 <= interval.high
        shorter += interval.high - interval.low < 2 * 1.96 * truth[:60].std(ddof=1) / math.sqrt(60)
    assert 0.925 <= held / 1000 <= 0.965
    assert shorter / 1000 > 0.99


def test_a_judge_that_knows_nothing_is_ignored() -> None:
    human = [0.0, 1.0, 1.0, 0.0, 1.0]
    value, _ = prediction_powered_mean(human, [0.5] * 5, [0.5] * 100)
    assert value == pytest.approx(0.6)
