"""Several answers to each question, summarised per sample."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from evalkit.metrics.base import Score
from evalkit.records import SampleRecord
from evalkit.stats import repeats as over
from evalkit.stats.intervals import wilson


def summarise(sample: SampleRecord, on_unparsed: str) -> None:
    """Write a sample's mean scores over its scored answers; the first of these is shown."""
    counted = [answer.counts(on_unparsed) for answer in sample.answers]
    sample.shown = counted.index(True) if any(counted) else 0
    scores = [a.scores for a, counts in zip(sample.answers, counted, strict=True) if counts]
    for name in dict.fromkeys(name for of_answer in scores for name in of_answer):
        values = [of_answer[name] for of_answer in scores if name in of_answer]
        sample.scores[name] = float(np.mean(values)) if len(values) > 1 else values[0]


def flake_rate(samples: Sequence[SampleRecord], confidence: float) -> Score:
    """The share of questions whose answers differ in being right, with Wilson's interval.

    Answers that are missing do not count.
    """
    right = [
        [nan if answer.correct is None else float(answer.correct) for answer in sample.answers]
        for sample in samples
    ]
    table = np.array(right, dtype=np.float64)
    rate = over.flake_rate(table)
    n = int(((~np.isnan(table)).sum(axis=1) > 1).sum())
    if n == 0:
        return Score(nan, nan, nan, 0, confidence, note="undefined: no question has two answers")
    low, high, method = wilson(rate * n, n, confidence)
    return Score(rate, low, high, n, confidence, method)
