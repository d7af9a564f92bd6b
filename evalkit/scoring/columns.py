"""From the records of samples to the columns that metrics are computed over."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from evalkit.metrics.base import Columns, Likelihood
from evalkit.metrics.pairs import places
from evalkit.passages import Passage, passages_of
from evalkit.records import Answer, SampleRecord
from evalkit.records.references import RESPONSE, is_reference, resolve
from evalkit.spec.groups import group_text
from evalkit.tasks import Task
from evalkit.tasks._retrieval import relevant_of
from evalkit.tools import CallRules, Matched
from evalkit.written.numbers import normal, one_of

Answered = tuple[SampleRecord, Answer]
"""A sample and one of the answers to it."""


def scored(samples: Sequence[SampleRecord], on_unparsed: str) -> list[SampleRecord]:
    """The samples that scores are over: those with an answer that counts."""
    return [sample for sample in samples if sample.answer.counts(on_unparsed)]


def group_value(sample: SampleRecord, column: str) -> str:
    """The group a sample is in, as text; "" where its row has no such value, as in a csv file.

    A column ``response.…`` is a part of the shown answer.
    """
    if is_reference(column) and column not in sample.fields:
        value = resolve(column, sample.answer.values())
        return group_text(json.dumps(value) if isinstance(value, list | dict) else value)
    return group_text(sample.fields.get(column))


def columns_of(
    rows: Sequence[Answered],
    *,
    task: Task,
    labels: Sequence[str],
    answer: str,
    source: str | None,
    pair: str | None = None,
    which: str = "",
    contexts: str | None = None,
    relevant: str | None = None,
    calls: CallRules | None = None,
) -> Columns:
    """The columns of answers, for metrics. labels … which: as in :class:`SuiteRecord`.

    calls: how calls are matched with those expected, for tasks that expect some.
    The samples are in the order of the data, which determines the first of a pair. If answers are
    numbers, targets are parsed like them, and both get one written form: 0.75 for 3/4 and .750.
    """
    samples = [sample for sample, _ in rows]
    answers = [one for _, one in rows]
    chosen = answer == "choice" and all(one.probabilities for one in answers)
    probabilities = None
    if chosen and labels:
        table = [[one.probabilities[label] for label in labels] for one in answers]
        probabilities = np.array(table, dtype=np.float64).reshape(len(answers), len(labels))
    compared = [one.choices for one in answers if one.choices is not None]
    choices = chosen and "choices" in task.makes and len(compared) == len(answers)
    columns = Columns(
        predictions=[one.prediction for one in answers],
        targets=[tuple(sample.targets) for sample in samples],
        labels=tuple(labels),
        probabilities=probabilities,
        choice_logprobs=[one.logprobs for one in compared] if choices else (),
        choices=[one.texts for one in compared] if choices else (),
        continuations=[one.continuations for one in compared] if choices else (),
        sources=[str(sample.fields[source]) for sample in samples] if source else (),
        likelihoods=_likelihoods(answers) if answer == "likelihood" else (),
        ranked=[_ranked(one) for one in answers] if "ranked" in task.makes else (),
        passed=[_passed(one) for one in answers] if "passed" in task.makes else (),
        fields=[sample.fields for sample in samples],
        pairs=places(str(sample.fields[pair]) for sample in samples) if pair else (),
        contexts=_contexts(rows, contexts),
        relevant=[relevant_of(sample.fields[relevant]) for sample in samples] if relevant else (),
        calls=_if_any([one.calls for one in answers]),
        messages=_if_any([one.messages for one in answers]),
        matched=_matched(rows, calls) if calls and "matched" in task.makes else (),
    )
    return _of_numbers(columns, which) if answer == "number" and task.comparing_texts else columns


def _of_numbers(columns: Columns, which: str) -> Columns:
    """Predictions and targets in the normal form of their numbers."""

    def read(text: str) -> str | None:
        number = one_of(text, which)
        return None if number is None or number.value is None else normal(number.value)

    return replace(
        columns,
        predictions=[None if p is None else read(p) or p for p in columns.predictions],
        targets=[tuple(filter(None, map(read, texts))) or texts for texts in columns.targets],
    )


def _contexts(rows: Sequence[Answered], column: str | None) -> list[tuple[Passage, ...]]:
    """The passages that the data gives, or those of the responses."""
    if column is None or column == RESPONSE:
        return _if_any([one.contexts for _, one in rows])
    return _if_any([passages_of(sample.fields[column]) for sample, _ in rows])


def _matched(rows: Sequence[Answered], rules: CallRules) -> list[Matched]:
    return [rules.matched(sample.targets, one.calls, sample.fields) for sample, one in rows]


_Part = TypeVar("_Part")


def _if_any(parts: list[tuple[_Part, ...]]) -> list[tuple[_Part, ...]]:
    """A column of parts of responses; empty where no response has such a part."""
    return parts if any(parts) else []


def _likelihoods(answers: Sequence[Answer]) -> list[Likelihood]:
    found = [one.likelihood for one in answers if one.likelihood is not None]
    return found if len(found) == len(answers) else []


def _ranked(answer: Answer) -> tuple[str, ...]:
    """The candidates of an answer; generated text is the only one."""
    if answer.candidates is not None:
        return answer.candidates
    return () if answer.prediction is None else (answer.prediction,)


def _passed(answer: Answer) -> tuple[bool, ...]:
    """Whether an answer passed its tests; False without code to run."""
    return (answer.tests is not None and answer.tests.passed,)


def by_question(columns: Columns, questions: Sequence[Hashable]) -> tuple[Columns, list[int]]:
    """The columns of questions, each with the test results of all its answers.

    questions: of each answer, the question it is to. Also returns the place of each question's
    first answer.
    """
    rows: dict[Hashable, list[int]] = {}
    for row, question in enumerate(questions):
        rows.setdefault(question, []).append(row)
    first = [of_question[0] for of_question in rows.values()]
    passed = [tuple(ok for row in of for ok in columns.passed[row]) for of in rows.values()]
    return replace(columns.subset(first), passed=passed), first
