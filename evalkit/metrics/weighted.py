"""Scores that are no mean over samples, as functions of how often each sample is drawn.

What is counted or summed per sample is taken once; a resample is then a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import (
    bias,
    classification,
    entities,
    likelihood,
    probabilistic,
    translation,
)
from evalkit.metrics.base import Columns
from evalkit.metrics.catalogue import METRICS
from evalkit.stats.intervals import Interval
from evalkit.stats.weighted import Weighted

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


def weighted(score: str, columns: Columns, settings: Mapping[str, Any]) -> Weighted | None:
    """The score with this full name as a function of the samples' weights.

    None for a score that is not made of counts or sums (``distinct_1``) or unknown here.
    """
    name, _, key = score.partition("[")
    if name not in METRICS or not len(columns):
        return None
    given = {**METRICS[name].settings, **settings}
    counted = classification.statistic_of(name, key.rstrip("]"), columns.labels, given)
    if counted is not None:
        return _of_counts(columns, counted)
    if name == "auroc":
        return probabilistic.weighted_auroc(columns)
    statistic = of_sums(score, settings)
    return over(sums(score, columns, settings), statistic) if statistic else None


def of_sums(score: str, settings: Mapping[str, Any]) -> Statistic | None:
    """From sums over samples, shape (r, k), to a score with this full name, shape (r,).

    None where the score is not a function of sums. Needs no sample: the sums may be kept ones.
    """
    name = score.partition("[")[0]
    if name == "calibration_error":
        return probabilistic.gap_of_sums(_bins(settings))
    for family in (translation.CORPUS, likelihood.OF_TEXTS, entities.OF_ENTITIES, bias.OF_SIDES):
        if name in family:
            return family[name]
    return None


def sums(score: str, columns: Columns, settings: Mapping[str, Any]) -> Floats:
    """What each sample adds to the sums of a score that ``of_sums`` knows, shape (n, k)."""
    name = score.partition("[")[0]
    if name in translation.CORPUS:
        return translation.sums_of(name, columns, **{**METRICS[name].settings, **settings})[0]
    if name in likelihood.OF_TEXTS:
        return likelihood.sums_of(name, columns)[0]
    if name in entities.OF_ENTITIES:
        return entities.sums_of(score, columns)[0]
    if name in bias.OF_SIDES:
        return bias.sums_of(columns, settings)
    return probabilistic.calibration_sums(columns, _bins(settings))[0]


def interval_over(
    score: str,
    columns: Columns,
    settings: Mapping[str, Any],
    clusters: Sequence[Hashable],
    confidence: float,
) -> Interval | None:
    """The interval over whole clusters of a score that resampling would bias; else None."""
    if score.partition("[")[0] != "calibration_error":
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

    kinds, shape = classification.kinds(columns)
    n, size = len(kinds), shape[0] * shape[1]
    # Sparse: a suite may have many labels, and each sample is of one kind.
    table = csr_array((np.ones(n), (kinds, np.arange(n))), shape=(size, n))

    def of_weights(weights: Floats) -> Floats:
        return statistic((table @ weights.T).T.reshape(len(weights), *shape))

    return of_weights
