"""Samples that come in clusters (questions about one passage, turns of one conversation).

Answers within a cluster resemble each other, so they say less than as many independent ones;
standard errors and the bootstrap must treat the cluster as the unit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.intervals import NONE, Interval


def clustered_se(
    values: ArrayLike, clusters: Sequence[Hashable], *, corrected: bool = False
) -> float:
    """Standard error of the mean of n values in G clusters; NaN for fewer than two clusters.

    The root of the sum over clusters of (sum of the cluster's deviations)², over n. With one
    value per cluster this is s/√n with s over n. ``corrected`` multiplies by √(G/(G - 1)), for
    few clusters.

    Source: E. Miller, Adding Error Bars to Evals (arXiv:2411.00640), section 2.2; the correction
    as in A. C. Cameron and D. L. Miller, J. Human Resources 50 (2015) 317-372, section II.B.
    """
    sums, _ = _by_cluster(values, clusters, deviations=True)
    n, groups = len(np.asarray(values)), len(sums)
    if groups < 2:
        return nan
    error = sqrt(float((sums**2).sum())) / n
    return error * sqrt(groups / (groups - 1)) if corrected else error


def clustered_interval(
    values: ArrayLike, clusters: Sequence[Hashable], confidence: float = 0.95
) -> Interval:
    """Interval of the mean: Student's with G - 1 degrees of freedom, corrected standard error."""
    from scipy.special import stdtrit

    error = clustered_se(values, clusters, corrected=True)
    if np.isnan(error):
        return NONE
    groups = len(set(clusters))
    half = float(stdtrit(groups - 1, 0.5 + confidence / 2)) * error
    mean = float(np.mean(np.asarray(values, dtype=np.float64)))
    return Interval(mean - half, mean + half, "t, clustered")


def _by_cluster(
    values: ArrayLike, clusters: Sequence[Hashable], *, deviations: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = np.asarray(values, dtype=np.float64)
    if len(x) != len(clusters):
        raise ValueError(f"{len(x)} values but {len(clusters)} clusters")
    index = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    of = np.array([index[c] for c in clusters], dtype=np.int64)
    if deviations and len(x):
        x = x - x.mean()
    sums = np.bincount(of, weights=x).astype(np.float64)
    return sums, np.bincount(of).astype(np.float64)
