"""From the records of samples to the columns that metrics are computed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.metrics.base import Columns, Likelihood
from evalkit.metrics.pairs import places
from evalkit.records import SampleRecord
from evalkit.spec.groups import group_text
from evalkit.spec.parts import WRITING
from evalkit.written.numbers import normal, one_of

NOT_ANSWERED = ("error", "overflow")


def scored(samples: Sequence[SampleRecord], on_unparsed: str) -> list[SampleRecord]:
    """The samples that scores are over.

    One without an answer (error, overflow) is never scored; one whose answer could not be taken
    from the text is a wrong answer, unless the suite says ``on_unparsed: exclude``.
    """
    excluded = {*NOT_ANSWERED, *(["unparsed"] if on_unparsed == "exclude" else [])}
    return [sample for sample in samples if sample.status not in excluded]


def group_value(sample: SampleRecord, column: str) -> str:
    """The group a sample is in, as text; "" where its row has no such value, as in a csv file."""
    return group_text(sample.fields.get(column))


def columns_of(
    samples: Sequence[SampleRecord],
    *,
    task: str,
    labels: Sequence[str],
    answer: str,
    source: str | None,
    pair: str | None = None,
    which: str = "",
) -> Columns:
    """The columns of samples, for metrics. task … which: as in :class:`SuiteRecord`.

    The samples stand in the order of the data, which tells the first of a pair from the second.
    Where answers are numbers, targets are read as they are, and both have one written form: 0.75
    for 3/4 and for .750.
    """
    chosen = answer == "choice" and all(s.probabilities for s in samples)
    probabilities = None
    if chosen and labels:
        rows = [[sample.probabilities[label] for label in labels] for sample in samples]
        probabilities = np.array(rows, dtype=np.float64).reshape(len(samples), len(labels))
    choices = chosen and task == "multiple-choice"
    columns = Columns(
        predictions=[sample.prediction for sample in samples],
        targets=[tuple(sample.targets) for sample in samples],
        labels=tuple(labels),
        probabilities=probabilities,
        choice_logprobs=[tuple(s.details["logprobs"]) for s in samples] if choices else (),
        choices=[tuple(s.details["options"]) for s in samples] if choices else (),
        continuations=[tuple(s.details["choices"]) for s in samples] if choices else (),
        sources=[str(s.fields[source]) for s in samples] if source else (),
        likelihoods=_likelihoods(samples) if answer == "likelihood" else (),
        ranked=_ranked(samples) if task == "fill-mask" else (),
        passed=_passed(samples) if task == "code" else (),
        fields=[sample.fields for sample in samples],
        pairs=places(str(sample.fields[pair]) for sample in samples) if pair else (),
    )
    return _of_numbers(columns, which) if answer == "number" and task in WRITING else columns


def _of_numbers(columns: Columns, which: str) -> Columns:
    """Predictions and targets in the one form that their numbers have."""

    def read(text: str) -> str | None:
        number = one_of(text, which)
        return None if number is None or number.value is None else normal(number.value)

    return replace(
        columns,
        predictions=[None if p is None else read(p) or p for p in columns.predictions],
        targets=[tuple(filter(None, map(read, texts))) or texts for texts in columns.targets],
    )


def _likelihoods(samples: Sequence[SampleRecord]) -> list[Likelihood]:
    return [
        Likelihood(s.details["logprob"], s.details["tokens"], s.details["bytes"]) for s in samples
    ]


def _ranked(samples: Sequence[SampleRecord]) -> list[tuple[str, ...]]:
    """The candidates of each answer; a model that writes has one."""
    written = [() if s.prediction is None else (s.prediction,) for s in samples]
    return [
        tuple(sample.details.get("candidates", one))
        for sample, one in zip(samples, written, strict=True)
    ]


def _passed(samples: Sequence[SampleRecord]) -> list[tuple[bool, ...]]:
    """Whether each answer passed its tests; where there was no code to run, it did not."""
    return [(bool(sample.details.get("tests", {}).get("passed")),) for sample in samples]
