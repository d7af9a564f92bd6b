"""Passages in the data: what several tasks can be asked to answer from, or to find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.passages import passages_of
from evalkit.tasks._task import Column

RESPONSE = "response"
"""``contexts: response``: the passages are those that the application returns."""
RETRIEVAL = (
    *("recall@5", "precision@5", "hit_rate@5", "mrr", "map", "ndcg@10"),
    *("context_recall", "context_precision", "citation_precision", "citation_recall"),
)


def relevant_of(value: object) -> dict[str, int]:
    """The grades of the relevant passages by id, from an id, a list of ids, or a mapping.

    Raises ValueError for anything else, and if no passage has a grade of 1 or above.
    """
    if isinstance(value, Mapping):
        grades = {_id(name): _grade(name, grade) for name, grade in value.items()}
    else:
        names = value if isinstance(value, list | tuple) else [] if value in (None, "") else [value]
        grades = {_id(name): 1 for name in names}
    if not any(grade > 0 for grade in grades.values()):
        raise ValueError(
            "no relevant passage, so that retrieval has no score; leave the question out, or put"
            " such questions into a suite without 'relevant:'"
        )
    return grades


def _id(name: object) -> str:
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise ValueError(f"expected the id of a passage, a text or a whole number, found {name!r}")
    return str(name)


def _grade(name: object, grade: Any) -> int:
    if isinstance(grade, bool) or not isinstance(grade, int) or grade < 0:
        raise ValueError(
            f"the grade of passage '{name}' must be a whole number, 0 or more, found {grade!r}"
        )
    return grade


CONTEXTS = Column(
    key="contexts",
    meaning="the passages to answer from, best first: texts, or mappings with `id` and `text`; "
    "`response` for what the application retrieves (the default with `relevant`)",
    lists="bracketed",
    read=passages_of,
    or_response=True,
)
RELEVANT = Column(
    key="relevant",
    meaning="the ids of the relevant passages, or their grades by id: `{doc-3: 2}`",
    lists="bracketed",
    read=relevant_of,
)
PASSAGES = (CONTEXTS, RELEVANT)
