"""How a judge's grades compare with people's: figures with intervals, pure functions of grades.

Cases are the unit: several criteria of one case count as one observation. Every interval has a
width, also where nothing varied. Proportions have Wilson's interval, kappas that of scores made of
confusion counts, means over pairs that of bounded values, rank correlations a jackknife's on
Fisher's scale, the other biases a jackknife's that counts what one more case, graded at random by
the judge, would change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evalkit.judging.certificate import Confusion, Figure
from evalkit.judging.rubric import NO, YES
from evalkit.metrics import scikit
from evalkit.stats.agreement import kappa_interval, rank_correlation
from evalkit.stats.bounded import mean_interval
from evalkit.stats.intervals import proportion
from evalkit.stats.jackknife import jackknife_interval

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From sums over cases, shape (r, k), to a figure, shape (r,); NaN where undefined."""


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
    """All figures of these cases. labels: the answers in the order of their values."""
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
    unseen = list(_graded_at_random(cases, labels, mode))
    found["length_bias"] = _length_bias(cases, unseen, confidence)
    if any(case.own is not None for case in cases):
        found["self_preference"] = (
            _favour_of_pairs(cases, confidence)
            if mode == "pairwise"
            else _favour(cases, unseen, confidence)
        )
    return found


def _graded_at_random(
    cases: Sequence[Graded], labels: Sequence[str], mode: str
) -> Iterator[Graded]:
    """Hypothetical cases: each of these with every grade the judge may give."""
    steps = np.linspace(0, 1, len(labels)) if mode != "pointwise" else map(float, labels)
    for step in steps:
        for case in cases:
            yield replace(case, judge=float(step))


def confusion(cases: Sequence[Graded], labels: Sequence[str]) -> Confusion:
    """Counts by criterion: people's answers in rows, the judge's in columns."""
    names = dict.fromkeys(name for case in cases for name in case.answers)
    place = {label: i for i, label in enumerate(labels)}
    counts = {name: [[0] * len(labels) for _ in labels] for name in names}
    for case in cases:
        for name, (human, judge) in case.answers.items():
            counts[name][place[human]][place[judge]] += 1
    return Confusion(tuple(labels), counts)


def _agreement(
    cases: Sequence[Graded], labels: Sequence[str], confidence: float
) -> dict[str, Figure]:
    """Kappa, quadratically weighted kappa where there are steps, and the share of equal answers."""
    k, n = len(labels), len(cases)
    place = {label: i for i, label in enumerate(labels)}
    answers = [
        (i, place[human], place[judge])
        for i, case in enumerate(cases)
        for human, judge in case.answers.values()
    ]
    of_case, pairs = [i for i, _, _ in answers], np.array([pair for _, *pair in answers])
    whole = np.zeros((k, k))
    np.add.at(whole, tuple(pairs.T), 1)
    found = {}
    kinds: dict[str, Literal["", "quadratic"]] = {"kappa": "", "weighted_kappa": "quadratic"}
    for name, weights in kinds.items():
        if weights and k < 3:
            continue
        value = scikit.kappa(pairs[:, 0], pairs[:, 1], weights or None)
        units = of_case if len(pairs) > n else None
        low, high, _ = kappa_interval(pairs, k, weights, units=units, confidence=confidence)
        why = "" if value == value else "people and the judge gave the same answer to every case"
        found[name] = Figure(value, low, high, n, why)
    found["agreement"] = _proportion(float(whole.trace() / whole.sum()), n, confidence)
    return found


def _error_rates(cases: Sequence[Graded], confidence: float) -> dict[str, Figure]:
    found = {}
    for name, answer in (("sensitivity", YES), ("specificity", NO)):
        judged = [
            [judge == answer for human, judge in case.answers.values() if human == answer]
            for case in cases
        ]
        each = [right for of_case in judged for right in of_case]
        share = float(np.mean(each)) if each else nan
        of = sum(bool(of_case) for of_case in judged)
        found[name] = _proportion(share, of, confidence, f"people never said {answer.lower()}")
    return found


def _ranks(cases: Sequence[Graded], confidence: float) -> dict[str, Figure]:
    """Spearman's rho and Kendall's tau-b of the grades, ties sharing ranks."""
    human = [case.human for case in cases]
    judge = [case.judge for case in cases]
    why = "; ".join(
        f"{whose} gave every case the same grade"
        for whose, grades in (("people", human), ("the judge", judge))
        if len(set(grades)) == 1
    )
    found = {}
    for kind in ("spearman", "kendall"):
        value, (low, high, _) = rank_correlation(kind, human, judge, confidence)
        found[kind] = Figure(value, low, high, len(cases), why)
    return found


def _order(cases: Sequence[Graded], confidence: float) -> dict[str, Figure]:
    """How much the order of two answers matters.

    position_bias: how often the answer that stands first is chosen, over both orders, minus ½;
    -½ … ½. Of one pair it is ½ where the judge chose the first twice, -½ where it chose the second.
    """
    wins = np.array([case.wins for case in cases if case.wins is not None], dtype=np.float64)
    if not len(wins):
        return {}
    bias = (wins[:, 0] - wins[:, 1]) / 2
    return {
        "position_bias": _mean(bias, 0.5, confidence),
        "swap_consistency": _proportion(float((bias == 0).mean()), len(wins), confidence),
    }


def _length_bias(cases: Sequence[Graded], unseen: Sequence[Graded], confidence: float) -> Figure:
    """The slope of the judge's grade on length, in hundreds of words, given people's grade.

    Ordinary least squares of judge ~ 1 + human + words / 100; NaN if all lengths are equal.
    """
    shift = np.array([[case.words / 100, case.human, case.judge] for case in cases]).mean(axis=0)

    def rows(cases: Sequence[Graded]) -> Floats:
        # From the means: the slope is the same, its rounding smaller.
        x, h, y = np.array([[c.words / 100, c.human, c.judge] for c in cases]).T - shift[:, None]
        return np.column_stack([np.ones(len(x)), x, h, y, x * x, h * h, x * h, x * y, h * y])

    why = "length does not vary apart from people's grade"
    return _figure(rows(cases), rows(unseen), _slope, confidence, why)


def _slope(sums: Floats) -> Floats:
    n, sx, sh, sy, xx, hh, xh, xy, hy = sums.T
    xx, hh, xh = xx - sx * sx / n, hh - sh * sh / n, xh - sx * sh / n
    xy, hy = xy - sx * sy / n, hy - sh * sy / n
    flat = hh <= 1e-12 * n
    given = np.where(flat, 0.0, 1.0)
    hh = np.where(flat, 1.0, hh)
    over = xx - given * xh * xh / hh
    return _ratio(xy - given * hy * xh / hh, np.where(over > 1e-9 * n, over, 0.0))


def _favour(cases: Sequence[Graded], unseen: Sequence[Graded], confidence: float) -> Figure:
    """How much more the judge's grades exceed people's for its own family than for others."""

    def rows(cases: Sequence[Graded]) -> Floats:
        known = [(case.own, case.judge - case.human) for case in cases if case.own is not None]
        own, error = np.array(known, dtype=np.float64).T
        return np.column_stack([own, own * error, 1 - own, (1 - own) * error])

    def excess(sums: Floats) -> Floats:
        return _ratio(sums[:, 1], sums[:, 0]) - _ratio(sums[:, 3], sums[:, 2])

    why = "all cases with a family are the judge's own, or none is"
    return _figure(rows(cases), rows(unseen), excess, confidence, why)


def _favour_of_pairs(cases: Sequence[Graded], confidence: float) -> Figure:
    """How much more often an answer of the judge's own family wins than with people."""
    excess = [case.own * (case.judge - case.human) for case in cases if case.own]
    why = "in no pair is one answer of the judge's family and the other not"
    return _mean(np.array(excess), 1.0, confidence, why)


def _figure(
    rows: Floats, unseen: Floats, statistic: Statistic, confidence: float, why: str
) -> Figure:
    """A figure of sums over cases. rows: what each case adds; unseen: what hypothetical cases
    would add. why: the reason where the figure is undefined."""
    n, total = len(rows), rows.sum(axis=0)
    value = float(statistic(total[np.newaxis])[0]) if n else nan
    if value != value:
        return Figure(nan, nan, nan, n, why)
    interval = jackknife_interval(
        value, statistic(total - rows), statistic(total + unseen), confidence
    )
    if interval.low != interval.low:
        return Figure(nan, nan, nan, n, "it depends on a single case")
    return Figure(value, interval.low, interval.high, n)


def _mean(values: Floats, end: float, confidence: float, why: str = "") -> Figure:
    """The mean of values from -end to end."""
    if not len(values):
        return Figure(nan, nan, nan, 0, why)
    interval = mean_interval(values, low=-end, high=end, confidence=confidence)
    return Figure(float(values.mean()), interval.low, interval.high, len(values))


def _proportion(share: float, n: int, confidence: float, why: str = "") -> Figure:
    if share != share or n == 0:
        return Figure(nan, nan, nan, n, why)
    interval = proportion(share * n, n, confidence)
    return Figure(share, interval.low, interval.high, n)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """The quotient; NaN for a divisor of 0."""
    result = np.full(np.shape(top), nan)
    np.divide(top, bottom, out=result, where=np.asarray(bottom) > 0)
    return result
