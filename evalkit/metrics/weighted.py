"""Scores that are no mean over samples, as functions of how often each sample is drawn.

What is counted or summed per sample is taken once; a resample is then a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import classification, entities, likelihood, probabilistic, translation
from evalkit.metrics.base import Columns
from evalkit.metrics.catalogue import METRICS
from evalkit.stats.weighted import Weighted

Floats = NDArray[np.float64]


def weighted(score: str, columns: Columns, settings: Mapping[str, Any]) -> Weighted | None:
    """The score with this full name as a function of the samples' weights.

    None for a score that is not made of counts or sums (``distinct_1``) or unknown here.
    """
    name, _, key = score.partition("[")
    if name not in METRICS or not len(columns):
        return None
    given = {**METRICS[name].settings, **settings}
    statistic = classification.statistic_of(name, key.rstrip("]"), columns.labels, given)
    if statistic is not None:
        return _of_counts(columns, statistic)
    if name in translation.CORPUS:
        return _of_sums(*translation.sums_of(name, columns, **given))
    if name in likelihood.OF_TEXTS:
        return _of_sums(*likelihood.sums_of(name, columns))
    if name in entities.OF_ENTITIES:
        return _of_sums(*entities.sums_of(score, columns))
    if name == "calibration_error":
        return _of_sums(*probabilistic.calibration_sums(columns, int(given["bins"])))
    if name == "auroc":
        return probabilistic.weighted_auroc(columns)
    return None


def _of_sums(rows: Floats, statistic: Callable[[Floats], Floats]) -> Weighted:
    return lambda weights: statistic(weights @ rows)


def _of_counts(columns: Columns, statistic: Callable[[NDArray[Any]], Floats]) -> Weighted:
    from scipy.sparse import csr_array

    kinds, shape = classification.kinds(columns)
    n, size = len(kinds), shape[0] * shape[1]
    # Sparse: a suite may have many labels, and each sample is of one kind.
    table = csr_array((np.ones(n), (kinds, np.arange(n))), shape=(size, n))

    def of_weights(weights: Floats) -> Floats:
        return statistic((table @ weights.T).T.reshape(len(weights), *shape))

    return of_weights
