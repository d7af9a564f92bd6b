"""Several answers to each question: one sample in the records, with every answer in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np

from evalkit.comparing.columns import scored
from evalkit.metrics.base import Score
from evalkit.records import CheckRecord, SampleRecord
from evalkit.stats import repeats as over
from evalkit.stats.intervals import wilson


def answers_of(sample: SampleRecord) -> list[SampleRecord]:
    """Every answer to a question as a sample of its own; the sample itself where there is one."""
    return [
        replace(
            sample,
            **{name: answer[name] for name in _OWN},
            scores=dict(answer["scores"]),
            details=_thinking(sample.details, answer),
            repeats=[],
        )
        for answer in sample.repeats
    ] or [sample]


_OWN = ("output", "prediction", "how", "status", "error", "correct")
"""What each answer to a question has of its own, beside scores and what was thought."""


def _thinking(details: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Details of a sample with the thinking of one answer."""
    rest = {key: value for key, value in details.items() if key != "thinking"}
    return {**rest, **{key: value for key, value in answer.items() if key == "thinking"}}


def one_sample(answers: Sequence[SampleRecord], on_unparsed: str) -> SampleRecord:
    """The answers to one question as one sample.

    It shows the first answer that is scored; its per-sample scores are means over the answers,
    a check holds when every answer passes it, ``repeats`` has all answers in order.
    """
    if len(answers) == 1:
        return answers[0]
    counted = scored(answers, on_unparsed)
    shown = counted[0] if counted else answers[0]
    fold(shown, answers, on_unparsed)
    shown.checks = _checks(answers)
    shown.cached = all(answer.cached for answer in answers)
    shown.seconds = sum(answer.seconds for answer in answers)
    return shown


def fold(sample: SampleRecord, answers: Sequence[SampleRecord], on_unparsed: str) -> None:
    """Write into a sample what became of the answers to its question, when they are graded."""
    if len(answers) == 1:
        return
    counted = scored(answers, on_unparsed)
    shown = counted[0] if counted else answers[0]
    sample.repeats = [
        {
            **{name: getattr(answer, name) for name in _OWN},
            "scores": dict(answer.scores),
            **_thinking({}, answer.details),
        }
        for answer in answers
    ]
    for name in _OWN:
        setattr(sample, name, getattr(shown, name))
    sample.details = _thinking(sample.details, shown.details)
    names = dict.fromkeys(name for answer in counted for name in answer.scores)
    means = {
        name: float(np.mean([a.scores[name] for a in counted if name in a.scores]))
        for name in names
    }
    sample.scores = {**sample.scores, **means}


def _checks(answers: Sequence[SampleRecord]) -> list[CheckRecord]:
    """Each check once, as the first answer that breaks it says."""
    checks: dict[str, CheckRecord] = {}
    for number, answer in enumerate(answers, 1):
        for check in answer.checks:
            before = checks.get(check.rule)
            if before is None or (before.passed and not check.passed):
                reason = check.reason if check.passed else f"answer {number}: {check.reason}"
                checks[check.rule] = CheckRecord(check.rule, check.passed, reason)
    return list(checks.values())


def flake_rate(answers: Sequence[SampleRecord], repeats: int, confidence: float) -> Score:
    """The share of questions whose answers differ in being right, with Wilson's interval.

    answers: question by question, ``repeats`` each; those without an answer do not count.
    """
    right = [nan if a.correct is None else float(a.correct) for a in answers]
    table = np.array(right, dtype=np.float64).reshape(-1, repeats)
    rate = over.flake_rate(table)
    n = int(((~np.isnan(table)).sum(axis=1) > 1).sum())
    if n == 0:
        return Score(nan, nan, nan, 0, confidence, note="undefined: no question has two answers")
    low, high, method = wilson(rate * n, n, confidence)
    return Score(rate, low, high, n, confidence, method)
