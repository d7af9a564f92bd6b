"""Power and clustered standard errors against published values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats.clusters import clustered_interval, clustered_se
from evalkit.stats.intervals import wilson
from evalkit.stats.power import (
    detectable_difference,
    samples_for_difference,
    samples_to_settle,
    samples_to_settle_mean,
)

VALUES = [1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1]
CLUSTERS = ["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 4


def test_samples_published() -> None:
    assert samples_for_difference(0.03, 1 / 9) == 969
    assert samples_for_difference(0.03, 1 / 9, sigma2_a=1 / 6, sigma2_b=1 / 6) == 3876


def test_more_answers_per_question_need_fewer_questions() -> None:
    needed = samples_for_difference(
        0.03, 1 / 9, sigma2_a=1 / 6, sigma2_b=1 / 6, repeats_a=10, repeats_b=10
    )
    assert needed == math.ceil(968.998 * (1 / 9 + 2 / 60) * 9)


def test_detectable_difference_is_the_inverse() -> None:
    assert detectable_difference(969, 1 / 9) == pytest.approx(0.03, rel=1e-4)


@pytest.mark.parametrize(("value", "threshold"), [(0.81, 0.8), (0.6, 0.8), (0.97, 0.9), (1.0, 0.9)])
def test_samples_to_settle_is_the_first_that_does(value: float, threshold: float) -> None:
    def settled(n: int) -> bool:
        low, high, _ = wilson(value * n, n)
        return low >= threshold if value > threshold else high <= threshold

    n = samples_to_settle(value, threshold)
    assert n is not None
    assert settled(n)
    assert not settled(n - 1)


def test_what_no_number_of_samples_settles() -> None:
    assert samples_to_settle(0.8, 0.8) is None
    assert samples_to_settle(0.8000001, 0.8, most=1000) is None
    assert samples_to_settle_mean(0.8, 0.8, 0.1, 50) is None
    # half the gap of the half width: four times the samples
    assert samples_to_settle_mean(0.85, 0.8, 0.1, 50) == 200


def test_clustered_standard_errors_published() -> None:
    assert clustered_se(VALUES, CLUSTERS) == pytest.approx(0.1624, abs=5e-5)
    assert clustered_se(VALUES, CLUSTERS, corrected=True) == pytest.approx(0.1875, abs=5e-5)
    naive = np.std(VALUES, ddof=1) / 4
    assert naive == pytest.approx(0.1281, abs=5e-5)


def test_clusters_of_one_are_no_clusters() -> None:
    alone = clustered_se(VALUES, range(16), corrected=True)
    assert alone == pytest.approx(np.std(VALUES, ddof=1) / 4)


def test_one_cluster_has_no_error() -> None:
    assert math.isnan(clustered_se([1, 0], ["a", "a"]))
    assert math.isnan(clustered_interval([1, 0], ["a", "a"]).low)


def test_clustered_intervals_are_wider() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    values = rng.normal(size=60)[groups] + 0.3 * rng.normal(size=300)
    student = clustered_interval(values, groups.tolist())
    single = clustered_interval(values, range(300))
    assert student.high - student.low > 1.8 * (single.high - single.low)
