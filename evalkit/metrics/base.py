"""The interface of metrics: columns in, scores out.

A metric is a plain function ``metric(columns, *, confidence=0.95, seed=0) -> Result`` over
whole columns. It is independent of models, files and reports.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.messages import Message, ToolCall
from evalkit.metrics.writing import composed
from evalkit.passages import Passage
from evalkit.records import Likelihood as Likelihood
from evalkit.tools import Matched

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """The data a metric gets: columns of equal length, one entry per scored sample.

    Predictions, targets, sources and candidates are in Unicode's composed form (NFC), whatever
    form they are given in; labels, choices and rows are as given.

    predictions: the answer taken from the response; None where none could be taken and the
        suite counts that as wrong (``on_unparsed: wrong``).
    targets: the accepted answers of each sample (one or several references).
    labels: the label set of a classification suite, in the suite's order; else empty.
    probabilities: shape (n, len(labels)), rows sum to 1; None without ``answer: choice``.
    choice_logprobs: per sample, the log-likelihood (nats) of each choice, for multiple choice.
    choices: per sample, the texts of its choices, for multiple choice.
    continuations: per sample, the texts whose log-likelihoods were compared; empty where those
        were the choices themselves.
    sources: per sample, the text a summary was made from; empty if there is none.
    likelihoods: per sample, how likely a text is, for language modelling.
    ranked: per sample, the candidates for the answer, best first, for words to fill in.
    passed: per sample, whether the code of each of its answers passed its tests.
    fields: per sample, the row of the data (read only).
    pairs: per sample, the name of the pair it is in and whether it is the first (0) or the second
        (1) of it; empty where samples come alone.
    contexts: per sample, the passages that the application retrieved, best first; empty where no
        response has any.
    calls: per sample, the tools it calls; empty likewise.
    messages: per sample, what it wrote and got before its text; empty likewise.
    relevant: per sample, the grades of the relevant passages by id; empty if the data has none.
    matched: per sample, its calls matched with those expected; empty if none are.
    """

    predictions: Sequence[str | None]
    targets: Sequence[tuple[str, ...]]
    labels: tuple[str, ...] = ()
    probabilities: FloatArray | None = None
    choice_logprobs: Sequence[tuple[float, ...]] = ()
    choices: Sequence[tuple[str, ...]] = ()
    continuations: Sequence[tuple[str, ...]] = ()
    sources: Sequence[str] = ()
    likelihoods: Sequence[Likelihood] = ()
    ranked: Sequence[Sequence[str]] = ()
    passed: Sequence[Sequence[bool]] = ()
    fields: Sequence[Mapping[str, Any]] = ()
    pairs: Sequence[tuple[Hashable, int]] = ()
    contexts: Sequence[tuple[Passage, ...]] = ()
    calls: Sequence[tuple[ToolCall, ...]] = ()
    messages: Sequence[tuple[Message, ...]] = ()
    relevant: Sequence[Mapping[str, int]] = ()
    matched: Sequence[Matched] = ()

    def __post_init__(self) -> None:
        # Done here, so that no metric treats two forms of one text as different.
        texts: dict[str, Sequence[Any]] = {
            "predictions": [p if p is None else composed(p) for p in self.predictions],
            "targets": [tuple(map(composed, accepted)) for accepted in self.targets],
            "sources": [composed(source) for source in self.sources],
            "ranked": [tuple(map(composed, candidates)) for candidates in self.ranked],
        }
        for name, column in texts.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.predictions)

    def subset(self, index: Sequence[int]) -> Columns:
        """The same columns over some of the samples, in the order of ``index``."""

        def pick(column: Sequence[Any]) -> list[Any]:
            return [column[i] for i in index] if len(column) else []

        return replace(
            self,
            predictions=pick(self.predictions),
            targets=pick(self.targets),
            probabilities=None if self.probabilities is None else self.probabilities[list(index)],
            choice_logprobs=pick(self.choice_logprobs),
            choices=pick(self.choices),
            continuations=pick(self.continuations),
            sources=pick(self.sources),
            likelihoods=pick(self.likelihoods),
            ranked=pick(self.ranked),
            passed=pick(self.passed),
            fields=pick(self.fields),
            pairs=pick(self.pairs),
            contexts=pick(self.contexts),
            calls=pick(self.calls),
            messages=pick(self.messages),
            relevant=pick(self.relevant),
            matched=pick(self.matched),
        )

    def followed_by(self, other: Columns) -> Columns:
        """These columns with those of another cell of the suite below."""

        def both(one: Sequence[Any], two: Sequence[Any]) -> list[Any]:
            return [*one, *two]

        def padded(one: Sequence[Any], two: Sequence[Any]) -> list[Any]:
            """Where only one of the cells has such parts, the other's are empty."""
            if not len(one) and not len(two):
                return []
            return [*(one or [()] * len(self)), *(two or [()] * len(other))]

        first, second = self.probabilities, other.probabilities
        return replace(
            self,
            predictions=both(self.predictions, other.predictions),
            targets=both(self.targets, other.targets),
            probabilities=None if first is None or second is None else np.vstack([first, second]),
            choice_logprobs=both(self.choice_logprobs, other.choice_logprobs),
            choices=both(self.choices, other.choices),
            continuations=both(self.continuations, other.continuations),
            sources=both(self.sources, other.sources),
            likelihoods=both(self.likelihoods, other.likelihoods),
            ranked=both(self.ranked, other.ranked),
            passed=both(self.passed, other.passed),
            fields=both(self.fields, other.fields),
            pairs=both(self.pairs, other.pairs),
            contexts=padded(self.contexts, other.contexts),
            calls=padded(self.calls, other.calls),
            messages=padded(self.messages, other.messages),
            relevant=both(self.relevant, other.relevant),
            matched=both(self.matched, other.matched),
        )


@dataclass(frozen=True, slots=True)
class Score:
    """One number, its interval and its number of samples.

    value: the score; NaN where it is undefined (say, recall of a label that never occurs).
    low, high: the confidence interval at ``confidence``; NaN where there is none.
    n: how many samples it is over.
    interval: how it was made (``wilson``, ``bounded``, ``posterior``, ``t``), "" if there is none.
    per_sample: shape (n,) values whose mean is the score, where that makes sense; else None.
    note: remarks for readers ("undefined: label never predicted").
    failed: the metric raised an error; the note says which.
    standard_error: of the value, from its spread over the samples; NaN where it is not known.
    """

    value: float
    low: float
    high: float
    n: int
    confidence: float = 0.95
    interval: str = ""
    per_sample: FloatArray | None = None
    note: str = ""
    failed: bool = False
    standard_error: float = nan


ROUNDING = 1e-5
"""How far rounding can move a score beyond its range, in float32 and after rescaling."""


def rounded(values: FloatArray, low: float, high: float) -> FloatArray:
    """The values, with those that rounding alone put beyond ``low`` or ``high`` at these ends.

    Values further off, which rounding does not explain, stay as they are.
    """
    above = (values > high) & (values <= high + ROUNDING)
    below = (values < low) & (values >= low - ROUNDING)
    made: FloatArray = np.where(above, high, np.where(below, low, values))
    return made


def within_range(score: Score, low: float, high: float) -> Score:
    """The score, its interval and values without what rounding put beyond the ends of its range."""
    ends = rounded(np.array([score.value, score.low, score.high]), low, high)
    values = score.per_sample
    return replace(
        score,
        **dict(zip(("value", "low", "high"), ends.tolist(), strict=True)),
        per_sample=None if values is None else rounded(np.asarray(values), low, high),
    )


Result = Mapping[str, Score]
"""Scores by full name: ``accuracy``, ``recall[negative]``."""
