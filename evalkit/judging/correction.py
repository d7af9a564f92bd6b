"""Whether the errors of a grader on labelled cases may correct its rates, and the rates so made."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import NamedTuple

from evalkit.stats.agreement import cohen_kappa_interval, rogan_gladen, rogan_gladen_interval
from evalkit.stats.intervals import Interval, wilson

LEAST_CASES = 20
"""Labelled cases below which nothing is corrected."""


class Corrected(NamedTuple):
    """A score as people would have given it, with its interval; NaN and why where there is none.

    method: ``rogan-gladen``.
    """

    value: float
    low: float
    high: float
    method: str
    why: str = ""


def corrected_rate(
    judged: tuple[float, float],
    counts: Sequence[Sequence[int]],
    raw: Interval | None = None,
    confidence: float = 0.95,
) -> Corrected:
    """A rate of yes corrected by Rogan and Gladen.

    judged: how often the grader says yes, and of how many samples. counts: on labelled cases,
    shape (2, 2): people's no and yes in rows, the grader's in columns. raw: the interval of the
    grader's rate, than which the corrected one is never narrower; default: Wilson's.
    """
    (right_no, wrong_no), (wrong_yes, right_yes) = counts
    no, yes = right_no + wrong_no, wrong_yes + right_yes
    if no + yes < LEAST_CASES:
        return _none(f"{no + yes} labelled cases of at least {LEAST_CASES}")
    if not (no and yes):
        return _none(f"people said {'yes' if yes else 'no'} to every labelled case")
    people = [0] * no + [1] * yes
    grader = [0] * right_no + [1] * wrong_no + [0] * wrong_yes + [1] * right_yes
    kappa = cohen_kappa_interval(people, grader)
    if not kappa.low > 0:
        return _none(f"kappa is not surely above 0: [{kappa.low:.2f}, {kappa.high:.2f}]")
    made = rogan_gladen_interval(
        (judged[0], judged[1]),  # type: ignore[arg-type]  # fractions of samples will do
        (right_no, no),
        (right_yes, yes),
        confidence,
    )
    value = rogan_gladen(judged[0] / judged[1], right_no / no, right_yes / yes)
    raw = raw or wilson(judged[0], judged[1], confidence)  # type: ignore[arg-type]
    low, high = at_least_as_wide(min(made.low, value), max(made.high, value), raw.high - raw.low)
    return Corrected(value, low, high, "rogan-gladen")


def at_least_as_wide(low: float, high: float, width: float) -> tuple[float, float]:
    """Bounds within 0 … 1, drawn apart until they have a width.

    A correction that pushes a rate to the end of its range cuts the interval off there, which is
    no reason to be surer of it than before.
    """
    low, high = max(0.0, low), min(1.0, high)
    more = max(0.0, min(width, 1.0) - (high - low)) / 2
    low, high = low - more, high + more
    low, high = low - max(0.0, high - 1.0), high + max(0.0, -low)
    return max(0.0, low), min(1.0, high)


def _none(why: str) -> Corrected:
    return Corrected(nan, nan, nan, "", why)
