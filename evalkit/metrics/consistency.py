"""Whether a model gives the same answer to several wordings of one question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from evalkit.errors import UsageError, unknown
from evalkit.metrics import build, tokenizers
from evalkit.metrics.base import Columns, Result
from evalkit.metrics.qa import is_number, normal_form, normalise

_NO_BY = (
    "write 'consistency: {by: COLUMN}' with the column that says which samples are one question"
)


def consistency(
    columns: Columns,
    *,
    by: str | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    tokenize: str = tokenizers.DEFAULT,
) -> Result:
    """How often two wordings of one question get the same answer, averaged over the questions.

    by: the column that says which samples are wordings of one question. Of each question, the
    share of pairs of its answers that are equal as ``exact_match`` compares them (capitals,
    punctuation and articles do not count; ``tokenize`` as there); an answer that could not be read
    equals no other. Questions with one wording are left out. Range 0 … 1; a bootstrap interval over
    questions; n counts questions. Right and wrong answers count alike: read it beside a score of
    correctness.

    Undefined without ``by``. Raises UsageError when the data has no such column.
    """
    if by is None:
        return build.single("consistency", build.undefined(0, confidence, f"undefined: {_NO_BY}"))
    groups = _groups(columns, by, normal_form(tokenize))
    shares = [_agreement(answers) for answers in groups if len(answers) > 1]
    score = build.mean("consistency", shares, confidence=confidence)
    return build.single("consistency", replace(score, per_sample=None))  # they belong to questions


def ready(settings: Mapping[str, Any]) -> None:
    """Raises UsageError when the settings do not say which samples belong together."""
    if not settings.get("by"):
        raise UsageError(_NO_BY)


def _groups(columns: Columns, by: str, form: Callable[[str], str]) -> list[list[str | None]]:
    groups: dict[str, list[str | None]] = {}
    for prediction, row in zip(columns.predictions, columns.fields, strict=True):
        if by not in row:
            raise UsageError(f"consistency: {unknown('column', by, list(row))}")
        groups.setdefault(str(row[by]), []).append(_answer(prediction, form))
    return list(groups.values())


def _answer(prediction: str | None, form: Callable[[str], str]) -> str | None:
    """The form of an answer that is compared."""
    if prediction is None:
        return None
    return normalise(prediction, by_value=True) if is_number(prediction) else form(prediction)


def _agreement(answers: Sequence[str | None]) -> float:
    pairs = [a is not None and a == b for a, b in combinations(answers, 2)]
    return sum(pairs) / len(pairs)
