"""From the grades of samples to a score with its interval."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import isfinite

import numpy as np

from evalkit.records import ScoreRecord
from evalkit.stats.bounded import mean_interval, ratio_error
from evalkit.stats.intervals import NONE, Interval, proportion, worst_case


def judged_score(
    name: str,
    grades: Sequence[float],
    *,
    low: float,
    high: float,
    better: str,
    lost: int = 0,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    note: str = "",
) -> ScoreRecord:
    """The mean grade over samples.

    grades: one per judged sample, between low and high. lost: samples without one. Interval:
    Wilson's where every grade is one end of the range (met or not); else, and over clusters, that
    of stats.bounded.
    """
    x = np.asarray(grades, dtype=np.float64)
    n = len(x)
    record = ScoreRecord(
        name, None, None, None, n, confidence, "", better, low, high, note, lost=lost
    )
    if not n:
        record.no_value = "undefined"
        record.note = "; ".join(filter(None, ("undefined: no sample was judged", note)))
        return record
    record.value = float(x.mean())
    interval = _interval(x, low, high, clusters, confidence)
    if interval is not NONE:
        record.low, record.high, record.interval = interval
    error, _ = ratio_error(x, np.ones(n), clusters)
    record.standard_error = error if isfinite(error) else None
    if lost:
        record.worst_low, record.worst_high = worst_case(record.value, n, lost, low, high)
    return record


def _interval(
    x: np.ndarray[tuple[int], np.dtype[np.float64]],
    low: float,
    high: float,
    clusters: Sequence[Hashable] | None,
    confidence: float,
) -> Interval:
    if clusters is None and bool(np.all((x == low) | (x == high))):
        width = high - low
        part = proportion(float((x == high).sum()), len(x), confidence)
        return Interval(low + width * part.low, low + width * part.high, part.method)
    return mean_interval(x, low=low, high=high, units=clusters, confidence=confidence)
