"""From per-sample values or counts to a Score with its interval, for all families."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.catalogue import METRICS
from evalkit.metrics.tokenizers import noteworthy
from evalkit.stats import intervals
from evalkit.stats.bounded import (
    ratio_error,
    ratio_interval,
    resampled_interval,
    unbounded_interval,
)
from evalkit.stats.confusion import counts_interval
from evalkit.stats.intervals import NONE, Interval

Floats = NDArray[np.float64]

NOTHING = "undefined: no samples"


def undefined(n: int, confidence: float, note: str) -> Score:
    """A score that is undefined for these samples, with the reason."""
    return Score(nan, nan, nan, n, confidence, note=note)


def failed(n: int, confidence: float, note: str) -> Score:
    """A score that could not be computed, with the reason."""
    return Score(nan, nan, nan, n, confidence, note=note, failed=True)


def proportion(
    flags: ArrayLike, *, confidence: float, note: str = "", empty: str = NOTHING
) -> Score:
    """The share of samples for which something holds, with Wilson's interval.

    flags: shape (n,), true or 1 where it holds. ``empty``: the note when n = 0.
    """
    values = np.asarray(flags, dtype=np.float64)
    if not len(values):
        return undefined(0, confidence, empty)
    share = ratio(int(values.sum()), len(values), confidence=confidence)
    return replace(share, per_sample=values, note=note)


def ratio(part: int, whole: int, *, confidence: float) -> Score:
    """``part`` of ``whole`` samples, with Wilson's interval; undefined when whole is 0."""
    if whole == 0:
        return undefined(0, confidence, NOTHING)
    low, high, method = intervals.proportion(part, whole, confidence)
    share = part / whole
    error = sqrt(share * (1 - share) / whole)
    return Score(share, low, high, whole, confidence, method, standard_error=error)


def mean(
    name: str,
    values: ArrayLike,
    *,
    confidence: float,
    note: str = "",
    bounded: bool = True,
    limits: tuple[float, float] | None = None,
    units: Sequence[Hashable] | None = None,
) -> Score:
    """The mean of per-sample values of the metric ``name``.

    bounded: False where the settings take the lower end of the range away. limits: the range of
    the values; default: that of evalkit's metric of this name. units: the question or cluster of
    each value, where they are not independent.
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        return undefined(0, confidence, NOTHING)
    low, high = limits or limits_of(name)
    sums = Ratio(x, np.ones(len(x)), low if bounded else -inf, high)
    made = of_ratio(sums, len(x), confidence=confidence, note=note, units=units)
    value = float(x[0]) if np.all(x == x[0]) else float(x.mean())  # exact for equal values
    return replace(made, value=value, per_sample=x)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A score that is a sum over samples over another sum: a mean, a recall, a perplexity.

    parts, wholes: shape (n,), wholes ≥ 0. low, high: the range of a part over its whole;
    infinite where it is unbounded. made: from the ratio to the score, increasing.
    """

    parts: Floats
    wholes: Floats
    low: float = 0.0
    high: float = 1.0
    made: Callable[[float], float] = float


def of_ratio(
    sums: Ratio,
    n: int,
    *,
    confidence: float,
    note: str = "",
    units: Sequence[Hashable] | None = None,
) -> Score:
    """A ratio of sums over n samples, with an interval (see stats.bounded).

    Bounds that some sample exceeds count as none.
    """
    total = float(sums.wholes.sum())
    if not total:
        return undefined(n, confidence, note or NOTHING)
    value = float(sums.parts.sum()) / total
    error, freedom = ratio_error(sums.parts, sums.wholes, units)
    low, high = _kept(sums)
    if isfinite(low) and isfinite(high):
        interval = ratio_interval(
            sums.parts, sums.wholes, low=low, high=high, units=units, confidence=confidence
        )
    else:
        interval = unbounded_interval(value, error, freedom, floor=low, confidence=confidence)
        if interval is NONE:
            note = joined(note, _no_interval_note(n, error))
    if sums.made is not float:
        error = nan
    return Score(
        sums.made(value), sums.made(interval.low), sums.made(interval.high), n, confidence,
        interval.method, note=note, standard_error=error,
    )  # fmt: skip


def _kept(sums: Ratio) -> tuple[float, float]:
    slack = 1e-9 * sums.wholes
    low = sums.low if np.all(sums.parts >= sums.low * sums.wholes - slack) else -inf
    high = sums.high
    if isfinite(high) and not np.all(sums.parts <= high * sums.wholes + slack):
        high = inf
    return low, high


def _no_interval_note(n: int, error: float) -> str:
    if n == 1:
        return "one sample: no interval"
    if error == 0:
        return "all values are equal: no interval, since the score has no upper bound"
    return "no interval: too few samples for how much they vary"


def from_counts(
    counts: NDArray[Any],
    statistic: Callable[[NDArray[Any]], Floats],
    value: float,
    *,
    confidence: float,
    seed: int,
    note: str = "",
) -> Score:
    """A score that is a function of confusion counts, with an interval (see stats.confusion).

    counts: shape (k, m), targets by answers. value: the score of these counts.
    """
    n = int(counts.sum())
    if n == 0:
        return undefined(0, confidence, NOTHING)
    if isnan(value):
        return undefined(n, confidence, note)
    interval = counts_interval(counts, statistic, confidence=confidence, seed=seed)
    return _around(value, interval, n, confidence, note)


def _around(value: float, interval: Interval, n: int, confidence: float, note: str) -> Score:
    """A score within its interval, although different code computed the two."""
    low, high, method = interval
    if method:
        low, high = min(low, value), max(high, value)
    return Score(value, low, high, n, confidence, method, note=note)


def resampled(
    name: str,
    statistic: Callable[[Floats], Floats],
    n: int,
    *,
    confidence: float,
    seed: int,
    note: str = "",
    mass: ArrayLike | None = None,
    value: float | None = None,
) -> Score:
    """A bounded score that is a function of the samples' weights (see stats.bounded).

    statistic: from weights, shape (r, n), to r scores. mass: how much each sample counts. value:
    of the score; default: that of equal weights.
    """
    if not n:
        return undefined(0, confidence, NOTHING)
    if value is None:
        value = float(statistic(np.ones((1, n)))[0])
    low, high = limits_of(name)
    interval = resampled_interval(
        statistic, value, n, low=low, high=high, mass=mass, confidence=confidence, seed=seed
    )
    return _around(value, interval, n, confidence, note)


def limits_of(name: str) -> tuple[float, float]:
    """The range of evalkit's metric of this name; without ends for any other."""
    known = METRICS.get(name)
    return (known.low, known.high) if known else (-inf, inf)


def joined(*notes: str) -> str:
    """Several notes as one."""
    return "; ".join(note for note in notes if note)


def single(name: str, score: Score) -> Result:
    """The result of a metric that is one score."""
    return {name: score}


def texts(predictions: Sequence[str | None]) -> list[str]:
    """The predictions as text: a missing one is an empty answer."""
    return ["" if p is None else p for p in predictions]


def samples(columns: Columns) -> Iterator[tuple[str, ...]]:
    """The texts of each sample: its answer and its references."""
    for prediction, references in zip(columns.predictions, columns.targets, strict=True):
        yield (prediction or "", *references)


def unknown_tokens(columns: Columns, counts: Callable[[str], tuple[int, int]], model: str) -> str:
    """A note where a model does not know most tokens of some of the samples, else "".

    counts: of a text, how many tokens the model does not know, of how many.
    """
    mostly = []
    for texts in samples(columns):
        unknown, every = map(sum, zip(*map(counts, texts), strict=True))
        if 2 * unknown > every:
            mostly.append((unknown, every))
    if not noteworthy(len(mostly), len(columns)):
        return ""
    unknown, every = map(sum, zip(*mostly, strict=True))
    return (
        f"{model} does not know {unknown / every:.0%} of the tokens of {len(mostly)} of"
        f" {len(columns)} samples: set `model` to one that knows their language"
    )


def pairs(
    answers: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Every answer beside each of its references, as two columns of equal length."""
    candidates = [a for a, some in zip(answers, references, strict=True) for _ in some]
    return candidates, [reference for some in references for reference in some]


def best(references: Sequence[Sequence[str]], values: Sequence[float]) -> list[float]:
    """From a value for each of those pairs the highest of each answer; 0 without a reference."""
    rest = iter(values)
    return [max((next(rest) for _ in some), default=0.0) for some in references]
