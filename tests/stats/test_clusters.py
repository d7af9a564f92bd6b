"""Clustered standard errors against published values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats.clusters import clustered_bootstrap, clustered_interval, clustered_se

VALUES = [1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1]
CLUSTERS = ["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 4


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


def test_clustered_intervals_are_wider_and_agree() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    values = rng.normal(size=60)[groups] + 0.3 * rng.normal(size=300)
    student = clustered_interval(values, groups.tolist())
    resampled = clustered_bootstrap(values, groups.tolist())
    single = clustered_interval(values, range(300))
    assert student[:2] == pytest.approx(resampled[:2], abs=0.03)
    assert student.high - student.low > 1.8 * (single.high - single.low)
