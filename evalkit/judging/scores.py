"""From the grades of samples to a score with its interval."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from evalkit.records import ScoreRecord
from evalkit.stats.bootstrap import bootstrap_mean
from evalkit.stats.clusters import clustered_interval
from evalkit.stats.intervals import NONE, Interval, wilson, worst_case


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
    Wilson's where every grade is one end of the range (met or not), also when all are equal, then
    of as many as there are clusters; over clusters where there are some; else BCa bootstrap.
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
        record.low, record.high = max(low, interval.low), min(high, interval.high)
        record.interval = interval.method
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
    alike = bool(np.all(x == x[0]))
    if clusters is not None and not alike:
        interval = clustered_interval(x, clusters, confidence)
        return interval if np.isfinite(interval.low) else NONE
    if alike or bool(np.all((x == low) | (x == high))):
        n = len(x) if clusters is None else len(set(clusters))
        width = high - low
        part = wilson(n * float((x - low).mean() / width), n, confidence)
        return Interval(low + width * part.low, low + width * part.high, part.method)
    return bootstrap_mean(x, confidence=confidence)
