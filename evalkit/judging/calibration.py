"""How a judge's grades compare with people's: figures with intervals, pure functions of grades.

Cases are what is resampled: the criteria of one case belong together. Proportions have Wilson's
interval, with as many observations as there are cases; the others BCa bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.judging.certificate import Figure
from evalkit.judging.rubric import NO, YES
from evalkit.stats.agreement import kappa_of_counts
from evalkit.stats.bootstrap import bootstrap_sums
from evalkit.stats.intervals import Interval, wilson
from evalkit.stats.paired import paired_proportions

Floats = NDArray[np.float64]
_RANK_RESAMPLES = 1000
"""Ranks must be made anew for each resample."""


@dataclass(frozen=True, slots=True)
class Graded:
    """A labelled case and how the judge graded it.

    human, judge: the grades, on the rubric's scale (share of the criteria that are met; 1, ½ or 0
    for a pair, as its first answer sees it). answers: by criterion, people's answer and the
    judge's. words: length of the judged text; of a pair, that of a minus that of b. own: 1 where
    the judge's family wrote it, else 0 (pairs: 1 for a, -1 for b, else 0); None where unknown.
    repeated: of pairs of draws, how many gave the same answer, and how many there are.
    wins: pairs: whether a won when it stood first, and when it stood second.
    """

    human: float
    judge: float
    answers: Mapping[str, tuple[str, str]]
    words: float = 0.0
    own: float | None = None
    repeated: tuple[int, int] = (0, 0)
    wins: tuple[float, float] | None = None


def figures(
    cases: Sequence[Graded], labels: Sequence[str], mode: str, confidence: float = 0.95
) -> dict[str, Figure]:
    """All figures that these cases can tell. labels: the answers in the order of their worth."""
    found = _agreement(cases, labels, confidence)
    if mode == "binary":
        found |= _error_rates(cases, confidence)
    else:
        found |= _ranks(cases, confidence)
    repeated = [case.repeated for case in cases if case.repeated[1]]
    if repeated:
        share = float(np.mean([same / all_ for same, all_ in repeated]))
        found["repetition"] = _proportion(share, len(repeated), confidence)
    if mode == "pairwise":
        found |= _order(cases, confidence)
    found["length_bias"] = _length_bias(cases, confidence)
    known = [case for case in cases if case.own is not None]
    if known:
        favour = _favour_of_pairs if mode == "pairwise" else _favour
        found["self_preference"] = favour(known, confidence)
    return found


def confusion(cases: Sequence[Graded], labels: Sequence[str]) -> dict[str, Any]:
    """Counts by criterion: people's answers in rows, the judge's in columns."""
    names = dict.fromkeys(name for case in cases for name in case.answers)
    place = {label: i for i, label in enumerate(labels)}
    counts = {name: [[0] * len(labels) for _ in labels] for name in names}
    for case in cases:
        for name, (human, judge) in case.answers.items():
            counts[name][place[human]][place[judge]] += 1
    return {"labels": list(labels), "counts": counts}


def _agreement(
    cases: Sequence[Graded], labels: Sequence[str], confidence: float
) -> dict[str, Figure]:
    """Kappa, quadratically weighted kappa where there are steps, and the share of equal answers."""
    k = len(labels)
    place = {label: i for i, label in enumerate(labels)}
    rows = np.zeros((len(cases), k * k))
    for i, case in enumerate(cases):
        for human, judge in case.answers.values():
            rows[i, place[human] * k + place[judge]] += 1
    equal = float(rows.reshape(-1, k, k).trace(axis1=1, axis2=2).sum() / rows.sum())
    kinds = {"kappa": ""} | ({"weighted_kappa": "quadratic"} if k > 2 else {})
    found = {}
    for name, weights in kinds.items():

        def statistic(sums: Floats, weights: str = weights) -> Floats:
            return kappa_of_counts(weights, sums.reshape(-1, k, k))

        found[name] = _figure(rows, statistic, confidence)
        if equal == 1 and found[name].value == 1:
            found[name] = found[name]._replace(low=_surely(rows, k, confidence))
    found["agreement"] = _proportion(equal, len(cases), confidence)
    return found


def _surely(rows: Floats, k: int, confidence: float) -> float:
    """The lower bound of a kappa of 1: no resample of perfect agreement is less than perfect."""
    share = rows.sum(axis=0).reshape(k, k).sum(axis=0) / rows.sum()
    chance = float((share**2).sum())
    return (wilson(len(rows), len(rows), confidence).low - chance) / (1 - chance)


def _error_rates(cases: Sequence[Graded], confidence: float) -> dict[str, Figure]:
    said = [pair for case in cases for pair in case.answers.values()]
    each = max(1, len(said) // len(cases))
    found = {}
    for name, answer in (("sensitivity", YES), ("specificity", NO)):
        judged = [judge == answer for human, judge in said if human == answer]
        share = float(np.mean(judged)) if judged else nan
        found[name] = _proportion(share, len(judged) // each, confidence)
    return found


def _ranks(cases: Sequence[Graded], confidence: float) -> dict[str, Figure]:
    """Spearman's rho and Kendall's tau-b of the grades, ties sharing ranks."""
    human = np.array([case.human for case in cases])
    judge = np.array([case.judge for case in cases])
    every = np.eye(len(cases))
    signs = [np.sign(x[:, None] - x[None, :]) for x in (human, judge)]
    both, first, second = signs[0] * signs[1], signs[0] ** 2, signs[1] ** 2

    def rho(weights: Floats) -> Floats:
        x, y = _weighted_ranks(human, weights), _weighted_ranks(judge, weights)
        return _correlation(x, y, weights)

    def tau(weights: Floats) -> Floats:
        pairs = [((weights @ table) * weights).sum(axis=1) for table in (both, first, second)]
        return _ratio(pairs[0], np.sqrt(pairs[1] * pairs[2]))

    return {
        "spearman": _figure(every, rho, confidence, _RANK_RESAMPLES),
        "kendall": _figure(every, tau, confidence, _RANK_RESAMPLES),
    }


def _weighted_ranks(x: Floats, weights: Floats) -> Floats:
    """The mean ranks of values that occur so often; shape (r, n)."""
    _, level = np.unique(x, return_inverse=True)
    one_hot = np.eye(level.max() + 1)[level]
    counts = weights @ one_hot
    ranks: Floats = (np.cumsum(counts, axis=1) - counts / 2)[:, level]
    return ranks


def _correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    n = weights.sum(axis=1, keepdims=True)
    x = x - (weights * x).sum(axis=1, keepdims=True) / n
    y = y - (weights * y).sum(axis=1, keepdims=True) / n
    spread = np.sqrt((weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1))
    return _ratio((weights * x * y).sum(axis=1), spread)


def _order(cases: Sequence[Graded], confidence: float) -> dict[str, Figure]:
    """How far the order of two answers decides.

    position_bias: how often the answer that stands first is chosen, over both orders, minus ½;
    -½ … ½. It has the interval of a difference of two paired proportions.
    """
    wins = np.array([case.wins for case in cases if case.wins is not None], dtype=np.float64)
    n = len(wins)
    same = float((wins[:, 0] == wins[:, 1]).mean()) if n else nan
    bias = float((wins[:, 0] - wins[:, 1]).mean()) / 2 if n else nan
    if not n:
        return {}
    ends = paired_proportions(wins[:, 1], wins[:, 0], confidence)
    return {
        "position_bias": Figure(bias, ends.low / 2, ends.high / 2, n),
        "swap_consistency": _proportion(same, n, confidence),
    }


def _length_bias(cases: Sequence[Graded], confidence: float) -> Figure:
    """The slope of the judge's grade on length, in hundreds of words, given people's grade.

    Ordinary least squares of judge ~ 1 + human + words / 100; NaN when all lengths are alike.
    """
    x = np.array([case.words for case in cases]) / 100
    h = np.array([case.human for case in cases])
    y = np.array([case.judge for case in cases])
    x, h, y = (v - v.mean() for v in (x, h, y))  # the slope is the same, its rounding smaller
    rows = np.column_stack([np.ones(len(x)), x, h, y, x * x, h * h, x * h, x * y, h * y])

    def slope(sums: Floats) -> Floats:
        n, sx, sh, sy, xx, hh, xh, xy, hy = sums.T
        xx, hh, xh = xx - sx * sx / n, hh - sh * sh / n, xh - sx * sh / n
        xy, hy = xy - sx * sy / n, hy - sh * sy / n
        flat = hh <= 1e-12 * n
        given = np.where(flat, 0.0, 1.0)
        hh = np.where(flat, 1.0, hh)
        over = xx - given * xh * xh / hh
        return _ratio(xy - given * hy * xh / hh, np.where(over > 1e-9 * n, over, 0.0))

    return _figure(rows, slope, confidence)


def _favour(cases: Sequence[Graded], confidence: float) -> Figure:
    """How much more the judge's grades exceed people's for its own family than for others."""
    own = np.array([case.own for case in cases], dtype=np.float64)
    error = np.array([case.judge - case.human for case in cases])
    rows = np.column_stack([own, own * error, 1 - own, (1 - own) * error])
    return _figure(rows, lambda s: _ratio(s[:, 1], s[:, 0]) - _ratio(s[:, 3], s[:, 2]), confidence)


def _favour_of_pairs(cases: Sequence[Graded], confidence: float) -> Figure:
    """Where one of two answers is its own family's: how much oftener that wins than with people."""
    rows = np.array(
        [[(case.own or 0.0) * (case.judge - case.human), 1.0] for case in cases if case.own]
    ).reshape(-1, 2)
    return _figure(rows, lambda s: _ratio(s[:, 0], s[:, 1]), confidence)


def _figure(
    rows: Floats,
    statistic: Callable[[Floats], Floats],
    confidence: float,
    resamples: int = 10_000,
) -> Figure:
    value = float(statistic(rows.sum(axis=0)[np.newaxis])[0]) if len(rows) else nan
    interval = Interval(nan, nan, "")
    if value == value:
        interval = bootstrap_sums(rows, statistic, confidence=confidence, resamples=resamples)
    return Figure(value, interval.low, interval.high, len(rows))


def _proportion(share: float, n: int, confidence: float) -> Figure:
    if share != share or n == 0:
        return Figure(nan, nan, nan, n)
    interval = wilson(share * n, n, confidence)
    return Figure(share, interval.low, interval.high, n)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """NaN where nothing is divided by."""
    result = np.full(np.shape(top), nan)
    np.divide(top, bottom, out=result, where=np.asarray(bottom) > 0)
    return result
