"""Translation, compared with one or several references."""

from __future__ import annotations

from evalkit.tasks._metrics import MEANING, OVERLAP, READ, ROUGE, TRANSLATED, VARIETY
from evalkit.tasks._task import Target, Task

TASK = Task(
    name="translation",
    summary="the same text in another language",
    target=Target(lists="quoted"),
    comparing_texts=True,
    metrics=(*OVERLAP, *ROUGE, *TRANSLATED, *MEANING, *READ, *VARIETY),
    default_metrics=("bleu", "chrf", "ter"),
)
