"""Agreement between raters, with intervals that stay valid if the ratings do not vary.

NaN results mean that agreement is undefined: nothing varies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from math import nan
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.bounded import resampled_interval
from evalkit.stats.confusion import counts_interval, grouped_interval
from evalkit.stats.intervals import NONE, Interval
from evalkit.stats.jackknife import LEAST, WHOLE, correlation_interval

FloatArray = NDArray[np.float64]


def kappa_of_counts(weights: str, tables: NDArray[Any]) -> FloatArray:
    """Cohen's kappa of two raters, -1 … 1; NaN when chance agreement is certain.

    tables: shape (r, k, k), how often the raters gave each pair of k ratings, in the order of the
    scale. weights: "" (all disagreements count equally), ``linear`` or ``quadratic``. Returns
    shape (r,). Equal to scikit-learn's cohen_kappa_score.

    Sources: J. Cohen, Educ. Psychol. Meas. 20 (1960) 37-46; Psychol. Bull. 70 (1968) 213-220.
    """
    k = tables.shape[-1]
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(np.float64)
    cost = {"": (distance > 0) * 1.0, "linear": distance, "quadratic": distance**2}[weights]
    n = np.maximum(tables.sum(axis=(1, 2)), np.finfo(np.float64).tiny)
    expected = np.einsum("ri,rj,ij->r", tables.sum(axis=2), tables.sum(axis=1), cost) / n
    observed = np.einsum("rij,ij->r", tables, cost)
    kappa = np.full(len(tables), nan)
    np.divide(observed, expected, out=kappa, where=expected > 0)
    return 1 - kappa


def kappa_interval(
    pairs: ArrayLike,
    k: int,
    weights: str = "",
    *,
    units: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the kappa of two raters on a scale of k ratings.

    pairs: shape (n, 2), the place on the scale of what each rater said. units: what each pair
    belongs to; None: each stands alone. The interval is that of scores made of confusion counts,
    :mod:`evalkit.stats.confusion`, and the whole range below ``LEAST`` units.
    """
    kinds = np.asarray(pairs, dtype=np.int64).reshape(-1, 2) @ np.array([k, 1])
    table = np.bincount(kinds, minlength=k * k).reshape(k, k)
    if np.isnan(kappa_of_counts(weights, table[np.newaxis])[0]):
        return NONE
    if len(set(units) if units is not None else kinds) < LEAST:
        return WHOLE
    statistic = partial(kappa_of_counts, weights)
    if units is None:
        return counts_interval(table, statistic, confidence=confidence)
    return grouped_interval(kinds, (k, k), statistic, units, confidence=confidence)


def krippendorff_alpha(items: Sequence[Sequence[Any]], level: str = "nominal") -> float:
    """Krippendorff's alpha, at most 1; 0 is chance. NaN without variation or pairs.

    items: the ratings of each item, None where a rater gave none; an item with fewer than two
    is ignored. level: ``nominal`` or ``interval``.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
    """
    pairable = _pairable(items)
    if not pairable:
        return nan
    rows = _alpha_rows(pairable, _points(pairable, level))
    return float(_alpha(rows.sum(axis=0)[np.newaxis])[0])


def krippendorff_interval(
    items: Sequence[Sequence[Any]], level: str = "nominal", *, confidence: float = 0.95
) -> Interval:
    """Interval of alpha over items, see :func:`evalkit.stats.bounded.resampled_interval`.

    The whole range below ``LEAST`` items.
    """
    pairable = _pairable(items)
    alpha = krippendorff_alpha(pairable, level)
    if np.isnan(alpha):
        return NONE
    if len(pairable) < LEAST:
        return WHOLE
    rows = _alpha_rows(pairable, _points(pairable, level))
    return resampled_interval(
        lambda drawn: _alpha(drawn @ rows),
        alpha,
        len(rows),
        low=-1.0,
        high=1.0,
        confidence=confidence,
    )


def _pairable(items: Sequence[Sequence[Any]]) -> list[list[Any]]:
    rated = [[rating for rating in item if rating is not None] for item in items]
    return [item for item in rated if len(item) > 1]


def _points(items: Sequence[Sequence[Any]], level: str) -> Callable[[Hashable], FloatArray]:
    """Ratings as points whose squared distances are those of the level of measurement."""
    if level == "interval":
        first = float(items[0][0])  # subtracted, so that equal ratings are exactly 0
        return lambda rating: np.array([float(rating) - first])  # type: ignore[arg-type]
    if level == "nominal":
        place = {r: i for i, r in enumerate(dict.fromkeys(r for item in items for r in item))}
        every = np.eye(len(place))
        return lambda rating: every[place[rating]]
    raise ValueError(f"level is nominal or interval, not {level!r}")


def _alpha_rows(
    items: Sequence[Sequence[Any]], points: Callable[[Hashable], FloatArray]
) -> FloatArray:
    """Of each item: its ratings, their disagreement, the sum of squares and the sum of points."""
    rows = []
    for item in items:
        at = np.array([points(rating) for rating in item])
        total, squares = at.sum(axis=0), float((at**2).sum())
        apart = (len(item) * squares - float(total @ total)) / (len(item) - 1)
        rows.append([len(item), apart, squares, *total])
    return np.array(rows, dtype=np.float64)


def _alpha(sums: FloatArray) -> FloatArray:
    n, apart, squares = sums[:, 0], sums[:, 1], sums[:, 2]
    expected = n * squares - (sums[:, 3:] ** 2).sum(axis=1)
    share = np.full(len(sums), nan)
    np.divide((n - 1) * apart, expected, out=share, where=expected > 1e-12 * n * n)
    return 1 - share


def rank_correlation(
    kind: Literal["spearman", "kendall"], a: ArrayLike, b: ArrayLike, confidence: float = 0.95
) -> tuple[float, Interval]:
    """Spearman's rho or Kendall's tau-b, -1 … 1, with its interval; NaN without variation.

    a, b: shape (n,); ties share ranks. The interval is a jackknife's on Fisher's scale, see
    :func:`evalkit.stats.jackknife.correlation_interval`.
    """
    from scipy import stats

    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    function = {"spearman": stats.spearmanr, "kendall": stats.kendalltau}[kind]

    def correlation(x: FloatArray, y: FloatArray, undefined: float) -> float:
        if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
            return undefined
        return float(function(x, y).statistic)

    value = correlation(x, y, nan)
    if np.isnan(value):
        return nan, NONE
    # Equal cases are interchangeable, so one of them is left out for all.
    _, first, kind_of = np.unique(
        np.column_stack([x, y]), axis=0, return_index=True, return_inverse=True
    )
    without = [correlation(np.delete(x, i), np.delete(y, i), 0.0) for i in first]
    chance = max(_same(x), _same(y))
    return value, correlation_interval(
        value, np.array(without)[kind_of.reshape(-1)], chance, confidence
    )


def _same(values: FloatArray) -> float:
    """The probability that two values drawn from these are equal."""
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float((shares**2).sum())
