"""Samples and their answers as plain values: for the JSON document, tables and the page.

A sample shows one of its answers, and all of them in ``repeats`` if there are several.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from evalkit.messages import plain, to_openai
from evalkit.records import Answer, SampleRecord
from evalkit.records.judgments import to_json


def details_of(sample: SampleRecord) -> dict[str, Any]:
    """The backend's details of the shown answer, its sources, and all judgments."""
    details = _details(sample.answer)
    if judgments := sample.judgments:
        details["judgments"] = [to_json(judgment) for judgment in judgments]
    return details


def repeats_of(sample: SampleRecord) -> list[dict[str, Any]]:
    """Every answer in order, where there are several; else none."""
    return [_repeat(answer) for answer in sample.answers] if len(sample.answers) > 1 else []


def values_of(sample: SampleRecord) -> dict[str, Any]:
    """A sample in full, by the names of the JSON document."""
    answer = sample.answer
    return {
        "id": sample.id,
        "index": sample.index,
        "fields": sample.fields,
        "targets": sample.targets,
        "prompt": plain(sample.prompt),
        "sent": answer.sent,
        "output": answer.output,
        "prediction": answer.prediction,
        "how": answer.explanation,
        "status": answer.status,
        "error": answer.error,
        "correct": answer.correct,
        "scores": dict(sample.scores),
        "probabilities": dict(answer.probabilities),
        "checks": [asdict(check) for check in sample.checks],
        "cached": sample.cached,
        "seconds": sample.seconds,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "finish": answer.finish,
        "repeats": repeats_of(sample),
        "details": details_of(sample),
    }


def _repeat(answer: Answer) -> dict[str, Any]:
    return {
        "output": answer.output,
        "prediction": answer.prediction,
        "how": answer.explanation,
        "status": answer.status,
        "error": answer.error,
        "correct": answer.correct,
        "scores": dict(answer.scores),
        **_details(answer),
    }


def _details(answer: Answer) -> dict[str, Any]:
    details = dict(answer.details)
    if answer.contexts:
        details["contexts"] = [passage.plain() for passage in answer.contexts]
    if answer.calls:
        details["calls"] = [call.plain() for call in answer.calls]
    if answer.messages:
        details["messages"] = to_openai(answer.messages)
    if answer.cost is not None:
        details["cost"] = answer.cost
    if answer.thinking is not None:
        details["thinking"] = answer.thinking
    if answer.unfinished:
        details["still_thinking"] = True
    if answer.tie:
        details["tie"] = True
    if answer.candidates is not None:
        details["candidates"] = list(answer.candidates)
    if answer.choices is not None:
        details["choices"] = list(answer.choices.continuations)
        details["options"] = list(answer.choices.texts)
        details["logprobs"] = list(answer.choices.logprobs)
    if answer.likelihood is not None:
        details |= answer.likelihood._asdict()
    if answer.tests is not None:
        details["tests"] = asdict(answer.tests)
    return details
