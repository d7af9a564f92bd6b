"""Summarisation: summaries compared with references, with their source, or both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evalkit.tasks._metrics import MEANING, OVERLAP, READ, ROUGE, TRANSLATED, VARIETY
from evalkit.tasks._retrieval import CONTEXTS
from evalkit.tasks._task import Finding, Target, Task

if TYPE_CHECKING:
    from evalkit.spec.suite import Suite


def _rules(suite: Suite) -> Iterator[Finding]:
    if not suite.data.target and not suite.data.source:
        yield (
            ("data", "target"),
            "the task summarisation needs 'target:' (the reference summaries), 'source:' (the text"
            " to summarise) or both",
        )


TASK = Task(
    name="summarisation",
    summary="a summary of a text",
    target=Target(required=False, lists="quoted"),
    columns=(CONTEXTS,),
    rules=_rules,
    comparing_texts=True,
    metrics=(
        *OVERLAP,
        *ROUGE,
        *("coverage", "density", "compression_ratio"),
        *TRANSLATED,
        *MEANING,
        *READ,
        *VARIETY,
    ),
    default_metrics=(*ROUGE, "compression_ratio"),
)
