"""Samples for tests: one with one answer, written in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.messages import from_openai
from evalkit.records import Answer, CheckRecord, SampleRecord


def sample_record(
    id: str,
    index: int,
    fields: dict[str, Any],
    targets: list[str],
    prompt: str | list[dict[str, str]] = "",
    sent: str = "",
    output: str = "",
    prediction: str | None = None,
    how: str = "",
    status: str = "ok",
    *,
    scores: Mapping[str, float] | None = None,
    checks: Sequence[CheckRecord] = (),
    **more: Any,
) -> SampleRecord:
    """more: further fields of the answer."""
    answer = Answer(
        sent=sent,
        output=output,
        prediction=prediction,
        explanation=how,
        status=status,
        scores=dict(scores or {}),
        checks=tuple(checks),
        **more,
    )
    return SampleRecord(
        id, index, fields, targets, from_openai(prompt), [answer], dict(scores or {})
    )


def changed(sample: SampleRecord, **more: Any) -> None:
    """Change the answer that a sample shows."""
    sample.answers[sample.shown] = replace(sample.answer, **more)
