"""Question answering: a short answer in the model's own words."""

from __future__ import annotations

from evalkit.tasks._metrics import BIAS, MEANING, OVERLAP, READ, ROUGE, VARIETY
from evalkit.tasks._retrieval import PASSAGES, RETRIEVAL
from evalkit.tasks._task import Target, Task

TASK = Task(
    name="qa",
    summary="a short answer to a question",
    target=Target(lists="bracketed"),
    columns=PASSAGES,
    comparing_texts=True,
    correct="exact_match",
    metrics=(
        *("accuracy", "exact_match", "consistency"),
        *BIAS,
        *OVERLAP,
        *ROUGE,
        *MEANING,
        *READ,
        *VARIETY,
        *RETRIEVAL,
    ),
    default_metrics=("exact_match", "token_f1", "contains"),
)
