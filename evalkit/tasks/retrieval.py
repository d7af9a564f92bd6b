"""Retrieval: an application finds passages; it need not write an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evalkit.answers.extracted import Extracted
from evalkit.tasks._retrieval import CONTEXTS, RELEVANT, RETRIEVAL
from evalkit.tasks._task import Target, Task

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite


def _found(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    ids = [passage.id for passage in response.contexts]
    return Extracted(", ".join(ids), f"the ids of {len(ids)} retrieved passages")


TASK = Task(
    name="retrieval",
    summary="the passages that answer a question",
    target=Target(required=False),
    columns=(CONTEXTS, replace(RELEVANT, required=True)),
    extract=_found,
    metrics=tuple(name for name in RETRIEVAL if not name.startswith("citation")),
    default_metrics=("recall@5", "mrr", "ndcg@10"),
)
