"""Samples that come in clusters (questions about one passage, turns of one conversation).

Answers within a cluster resemble each other, so they say less than as many independent ones;
standard errors and the bootstrap must treat the cluster as the unit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.bootstrap import RESAMPLES, bootstrap_sums
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


def clustered_t(values: ArrayLike, clusters: Sequence[Hashable]) -> float:
    """Two-sided p-value of a mean of 0, by the interval of :func:`clustered_interval`.

    1 when all values are 0; NaN for fewer than two clusters.
    """
    from scipy.special import stdtr

    x = np.asarray(values, dtype=np.float64)
    if len(x) and not x.any():
        return 1.0
    error = clustered_se(x, clusters, corrected=True)
    if np.isnan(error) or error == 0:
        return nan if np.isnan(error) else 0.0
    return float(2 * stdtr(len(set(clusters)) - 1, -abs(float(x.mean())) / error))


def clustered_bootstrap(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Interval of the mean with whole clusters resampled."""
    sums, sizes = _by_cluster(values, clusters, deviations=False)
    return bootstrap_sums(
        np.column_stack([sums, sizes]),
        lambda s: s[:, 0] / s[:, 1],
        confidence=confidence,
        seed=seed,
        resamples=resamples,
    )


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
