"""Scores that are not means over samples, as functions of the samples' weights.

Counts and sums per sample are computed once; a resample is then a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import (
    bias,
    build,
    calls,
    entities,
    label_counts,
    likelihood,
    probabilistic,
    translation,
)
from evalkit.metrics.base import Columns, rounded
from evalkit.metrics.catalogue import METRICS
from evalkit.records.names import ScoreName, base_of
from evalkit.stats.intervals import Interval

Floats = NDArray[np.float64]
Weighted = Callable[[Floats], Floats]
"""From weights of samples, shape (r, n), to scores, shape (r,); NaN where undefined."""
Statistic = Callable[[Floats], Floats]


def weighted(score: str, columns: Columns, settings: Mapping[str, Any]) -> Weighted | None:
    """The score with this full name as a function of the samples' weights.

    None for a score that is not made of counts or sums (``distinct_1``) or unknown here.
    """
    named = ScoreName.parse(score)
    name = named.base
    if name not in METRICS or not len(columns):
        return None
    given = {**METRICS[name].settings, **settings}
    counted = label_counts.statistic_of(name, named.key or "", columns.labels, given)
    if counted is not None:
        return _of_counts(columns, _in_range(name, counted))
    if name == "auroc":
        return _in_range(name, probabilistic.weighted_auroc(columns))
    statistic = of_sums(score, settings)
    return over(sums(score, columns, settings), statistic) if statistic else None


def _in_range(name: str, statistic: Statistic) -> Statistic:
    """The statistic, clipped where rounding exceeds the metric's range."""
    metric = METRICS[name]
    return lambda counts: rounded(statistic(counts), metric.low, metric.high)


def of_sums(score: str, settings: Mapping[str, Any]) -> Statistic | None:
    """From sums over samples, shape (r, k), to a score with this full name, shape (r,).

    None where the score is not a function of sums. Needs no sample: the sums may be kept ones.
    """
    name = base_of(score)
    if name == "calibration_error":
        return _in_range(name, probabilistic.gap_of_sums(_bins(settings)))
    families = (translation.CORPUS, likelihood.OF_TEXTS, entities.OF_ENTITIES, bias.OF_SIDES)
    for family in (*families, calls.OF_CALLS):
        if name in family:
            return _in_range(name, family[name])
    return None


def sums(score: str, columns: Columns, settings: Mapping[str, Any]) -> Floats:
    """What each sample adds to the sums of a score that ``of_sums`` knows, shape (n, k)."""
    name = base_of(score)
    if name in translation.CORPUS:
        return translation.sums_of(name, columns, **{**METRICS[name].settings, **settings})[0]
    if name in likelihood.OF_TEXTS:
        return likelihood.sums_of(name, columns)[0]
    if name in entities.OF_ENTITIES:
        return entities.sums_of(score, columns)[0]
    if name in bias.OF_SIDES:
        return bias.sums_of(columns, settings)
    if name in calls.OF_CALLS:
        return calls.sums_of(name, columns)
    return probabilistic.calibration_sums(columns, _bins(settings))[0]


def ratio(score: str, columns: Columns, settings: Mapping[str, Any]) -> build.Ratio | None:
    """The score with this full name as a ratio of sums over samples; None where it is not one."""
    named = ScoreName.parse(score)
    name = named.base
    if name in likelihood.OF_TEXTS:
        return likelihood.ratio_of(name, columns)
    if name in entities.OF_ENTITIES:
        return entities.ratio_of(score, columns)
    if name in bias.OF_SIDES:
        lean, leaning = bias.sums_of(columns, settings).T
        return build.Ratio(lean, leaning, -1.0, 1.0)
    if name in calls.OF_CALLS:
        return build.Ratio(*calls.sums_of(name, columns).T)
    if name == "ter":
        return translation.ratio_of(columns, settings)
    return label_counts.ratio_of(name, named.key or "", columns)


def interval_over(
    score: str,
    columns: Columns,
    settings: Mapping[str, Any],
    clusters: Sequence[Hashable],
    confidence: float,
) -> Interval | None:
    """The interval over whole clusters of a score that resampling would bias; else None."""
    if base_of(score) != "calibration_error":
        return None
    bins = _bins(settings)
    return probabilistic.calibration_interval(columns, bins, clusters, confidence=confidence)


def over(rows: Floats, statistic: Statistic) -> Weighted:
    """A score of sums of these rows, shape (n, k), as a function of the samples' weights."""
    return lambda weights: statistic(weights @ rows)


def _bins(settings: Mapping[str, Any]) -> int:
    return int(settings.get("bins", METRICS["calibration_error"].settings["bins"]))


def _of_counts(columns: Columns, statistic: Callable[[NDArray[Any]], Floats]) -> Weighted:
    from scipy.sparse import csr_array

    kinds, shape = label_counts.kinds(columns)
    n, size = len(kinds), shape[0] * shape[1]
    # Sparse: a suite may have many labels, and each sample is of one kind.
    table = csr_array((np.ones(n), (kinds, np.arange(n))), shape=(size, n))

    def of_weights(weights: Floats) -> Floats:
        return statistic((table @ weights.T).T.reshape(len(weights), *shape))

    return of_weights
