"""Scores corrected by a judge's errors on labelled cases, and whether that is justified.

All graders share this decision, the refusal rules included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalkit.judging.certificate import Certificate, too_few
from evalkit.stats.agreement import kappa_interval
from evalkit.stats.correction import (
    at_least_as_wide,
    prediction_powered_mean,
    rogan_gladen,
    rogan_gladen_interval,
)
from evalkit.stats.intervals import Interval


class Corrected(NamedTuple):
    """A corrected score with its interval; NaN and the reason if there is none.

    method: ``rogan-gladen`` or ``ppi``.
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

    judged: how often the judge says yes, and of how many samples (fractions where answers to one
    question share it). counts: on labelled cases,
    shape (2, 2): people's no and yes in rows, the judge's in columns. raw: the interval of the
    judge's rate, than which the corrected one is never narrower; default: Wilson's, or wider.
    """
    table = np.asarray(counts, dtype=np.int64)
    (right_no, _), (_, right_yes) = table.tolist()
    no, yes = table.sum(axis=1).tolist()
    why = too_few(no + yes)
    if not why and not (no and yes):
        why = f"people said {'yes' if yes else 'no'} to every labelled case"
    if not why:
        pairs = np.repeat([(0, 0), (0, 1), (1, 0), (1, 1)], table.reshape(-1), axis=0)
        why = not_followed("kappa", kappa_interval(pairs, 2))
    if why:
        return _none(why)
    interval = rogan_gladen_interval(
        judged, (right_no, no), (right_yes, yes), raw=raw, confidence=confidence
    )
    value = rogan_gladen(judged[0] / judged[1], right_no / no, right_yes / yes)
    return Corrected(value, interval.low, interval.high, "rogan-gladen")


def corrected_mean(
    grades: Sequence[float],
    certificate: Certificate,
    figure: str,
    ends: tuple[float, float],
    raw: Interval | None = None,
    shown: Sequence[str] = (),
) -> Corrected:
    """A mean grade less the judge's mean error on the labelled cases.

    grades: of two samples or more. figure: of the certificate, that shows whether its grades
    follow people's. ends: the least and the highest grade there is. raw: as for
    ``corrected_rate``. shown: digests of what the judge saw of the samples. Where the labelled
    cases are all among them, they are taken for a random part of the samples, and as much of the
    judge's error is taken off as makes the interval shortest.
    """
    follows = certificate.figures[figure]
    why = too_few(len(certificate.labelled))
    why = why or not_followed(figure, Interval(follows.low, follows.high, ""))
    if why:
        return _none(why)
    human, judge = zip(*certificate.labelled, strict=True)
    low, high = ends
    rest = _rest(grades, certificate, shown)
    value, interval = (
        prediction_powered_mean(human, judge, grades, low=low, high=high, raw=raw, weight=1.0)
        if rest is None
        else prediction_powered_mean(human, judge, rest, low=low, high=high)
    )
    width = raw.high - raw.low if raw else 0.0
    interval = at_least_as_wide(interval, width, low, high)
    return Corrected(min(high, max(low, value)), interval.low, interval.high, "ppi")


def _rest(
    grades: Sequence[float], certificate: Certificate, shown: Sequence[str]
) -> list[float] | None:
    """The grades of the samples without a label; None where others were labelled, too."""
    labelled = set(certificate.shown)
    if not labelled or not labelled <= set(shown):
        return None
    rest = [grade for grade, one in zip(grades, shown, strict=True) if one not in labelled]
    return rest if len(rest) > 1 else None


def not_followed(name: str, interval: Interval) -> str:
    """Why a judge that does not demonstrably agree with people corrects nothing, or ""."""
    if interval.low > 0:
        return ""
    if interval.low != interval.low:
        return f"{name} is undefined"
    return f"{name} is not significantly above 0: [{interval.low:.2f}, {interval.high:.2f}]"


def _none(why: str) -> Corrected:
    return Corrected(np.nan, np.nan, np.nan, "", why)
