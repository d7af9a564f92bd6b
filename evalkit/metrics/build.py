"""From per-sample values or counts to a Score with its interval: what every family shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite, isnan, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.catalogue import find
from evalkit.metrics.tokenizers import noteworthy
from evalkit.stats.bootstrap import bootstrap_counts, bootstrap_mean
from evalkit.stats.intervals import NONE, Interval, wilson

NOTHING = "undefined: no samples"


def undefined(n: int, confidence: float, note: str) -> Score:
    """A score that the samples do not tell, and why."""
    return Score(nan, nan, nan, n, confidence, note=note)


def failed(n: int, confidence: float, note: str) -> Score:
    """A score that could not be computed, and why."""
    return Score(nan, nan, nan, n, confidence, note=note, failed=True)


def proportion(
    flags: ArrayLike, *, confidence: float, note: str = "", empty: str = NOTHING
) -> Score:
    """The share of samples for which something holds, with Wilson's interval.

    flags: shape (n,), true or 1 where it holds. ``empty``: the note when n = 0.
    """
    values = np.asarray(flags, dtype=np.float64)
    n = len(values)
    if n == 0:
        return undefined(0, confidence, empty)
    low, high, method = wilson(float(values.sum()), n, confidence)
    return Score(float(values.mean()), low, high, n, confidence, method, values, note)


def ratio(part: int, whole: int, *, confidence: float) -> Score:
    """``part`` of ``whole`` samples, with Wilson's interval; undefined when whole is 0."""
    if whole == 0:
        return undefined(0, confidence, NOTHING)
    low, high, method = wilson(part, whole, confidence)
    return Score(part / whole, low, high, whole, confidence, method)


def mean(
    name: str,
    values: ArrayLike,
    *,
    confidence: float,
    seed: int,
    note: str = "",
    bounded: bool = True,
) -> Score:
    """The mean of per-sample values of the metric ``name``, with a BCa bootstrap interval.

    bounded: False where the settings take the bounds away that the metric has by itself.
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    if n == 0:
        return undefined(0, confidence, NOTHING)
    value = float(x.mean())
    if np.all(x == x[0]):
        value = float(x[0])  # the mean of equal values is that value, without rounding
        interval, note = flat(name, value, n, confidence, note, bounded=bounded)
    else:
        interval = bootstrap_mean(x, confidence=confidence, seed=seed)
    return Score(value, *interval[:2], n, confidence, interval.method, x, note)


def from_counts(
    name: str,
    counts: NDArray[Any],
    statistic: Callable[[NDArray[Any]], NDArray[np.float64]],
    *,
    confidence: float,
    seed: int,
    note: str = "",
    method: str = "bca",
) -> Score:
    """A score that is a function of counts, with a bootstrap interval (see stats.bootstrap).

    method: ``bca`` or ``percentile``, whichever simulation shows to cover as it says.
    """
    n = int(counts.sum())
    if n == 0:
        return undefined(0, confidence, NOTHING)
    value = float(statistic(counts[np.newaxis])[0])
    if isnan(value):
        return undefined(n, confidence, note)
    interval = bootstrap_counts(counts, statistic, confidence=confidence, seed=seed, method=method)
    if interval.low == interval.high or n == 1:
        interval, note = flat(name, value, n, confidence, note)
    return Score(value, *interval[:2], n, confidence, interval.method, note=note)


def flat(
    name: str, value: float, n: int, confidence: float, note: str, *, bounded: bool = True
) -> tuple[Interval, str]:
    """The interval when resampling shows no variation, which is no proof that there is none.

    For a metric of bounded range: Wilson's, as if the score were a proportion of that range,
    the widest a mean of such values can be. Else the value itself, or none for one sample.
    """
    metric = find(name)
    assert metric is not None
    if bounded and isfinite(metric.high - metric.low):
        width = metric.high - metric.low
        low, high, _ = wilson(n * (value - metric.low) / width, n, confidence)
        interval = Interval(metric.low + width * low, metric.low + width * high, "wilson")
        return interval, joined(note, "no variation: interval as of a proportion")
    if n == 1:
        return NONE, joined(note, "one sample: no interval")
    return Interval(value, value, "bootstrap"), joined(note, "all values are equal")


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
    said = [a for a, some in zip(answers, references, strict=True) for _ in some]
    return said, [reference for some in references for reference in some]


def best(references: Sequence[Sequence[str]], values: Sequence[float]) -> list[float]:
    """From a value for each of those pairs the highest of each answer; 0 without a reference."""
    rest = iter(values)
    return [max((next(rest) for _ in some), default=0.0) for some in references]
