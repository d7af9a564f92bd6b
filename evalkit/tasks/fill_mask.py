"""Masked language modelling: the word behind the mask in a text."""

from __future__ import annotations

from evalkit.exchange import MASK
from evalkit.tasks._task import Head, Target, Task

TASK = Task(
    name="fill-mask",
    summary="the word behind a mask in a text",
    target=Target(lists="quoted"),
    head=Head(
        kinds=("fill-mask",),
        reads=f"a text with {MASK}",
        hint=f"write 'input: text' in 'data:', the column whose text has {MASK}",
        example=(f"The capital of France is {MASK}.",),
    ),
    correct="top1",
    metrics=("top1", "top5", "top_k_accuracy"),
    default_metrics=("top1", "top5"),
    makes=frozenset({"ranked"}),
)
