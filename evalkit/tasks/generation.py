"""Free text, with references or only with checks and judges."""

from __future__ import annotations

from evalkit.tasks._metrics import MEANING, OVERLAP, READ, ROUGE, TRANSLATED, VARIETY
from evalkit.tasks._retrieval import CONTEXTS
from evalkit.tasks._task import Target, Task

TASK = Task(
    name="generation",
    summary="a text, scored by checks, judges, or closeness to references",
    target=Target(required=False, lists="quoted"),
    columns=(CONTEXTS,),
    comparing_texts=True,
    metrics=(*OVERLAP, *ROUGE, *TRANSLATED, *MEANING, *READ, *VARIETY),
    default_metrics=("length",),
)
