"""Extractive question answering: the answer is a span of a context, or there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.answers.extracted import Extracted
from evalkit.tasks._extraction import piece
from evalkit.tasks._metrics import MEANING, OVERLAP, READ
from evalkit.tasks._task import Head, Target, Task

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite

NO_ANSWER = ("unanswerable", "not answerable", "no answer")
"""Predictions that mean that the context has no answer; so does an empty response."""
_READ = ("question", "context")
_NO_WORDS = re.compile(r"[^\w\s]|_|\b(?:a|an|the)\b")


def _span(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    if not response.text.strip():
        return Extracted("", "the response is empty: no answer")
    found = piece(suite, response.text)
    if found.prediction is not None and _declines(found.prediction):
        return Extracted("", f"{found.explanation}, '{found.prediction}': no answer")
    return found


def _declines(text: str) -> bool:
    return " ".join(_NO_WORDS.sub("", text.lower()).split()) in NO_ANSWER


def _question_and_context(suite: Suite, columns: Sequence[str]) -> tuple[str, ...] | None:
    return _READ if set(_READ) <= set(columns) else None


TASK = Task(
    name="extractive-qa",
    summary="a span of a context that answers a question",
    target=Target(blank=True, lists="bracketed"),
    comparing_texts=True,
    extract=_span,
    head=Head(
        kinds=("extractive-qa",),
        reads="a question and a context",
        columns=(2, 2),
        hint="write 'input: [question, context]' in 'data:', the question first",
        usual=_question_and_context,
        example=(
            "What is the capital of France?",
            "Berlin is the capital of Germany, and Paris is the capital of France.",
        ),
    ),
    correct="exact_match",
    metrics=(
        *("exact_match", "answerable_f1", "no_answer_f1", "answerable_exact", "no_answer_exact"),
        "consistency",
        *OVERLAP,
        *MEANING,
        *READ,
    ),
    default_metrics=("exact_match", "token_f1", "no_answer_f1"),
)
