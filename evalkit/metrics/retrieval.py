"""What an application retrieves, compared with the passages that are relevant.

Definitions are those of trec_eval (https://github.com/usnistgov/trec_eval): passages are ranked by
their scores, equal scores by id in descending order, and a question for which nothing was retrieved
counts 0. Passages without scores keep their order. A passage that is returned twice counts once,
in its first place. Each score is a mean over questions, from 0 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log2

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result
from evalkit.passages import Passage

Grades = Mapping[str, int]
"""The grade of each judged passage by id; 1 and above is relevant."""
_Measure = Callable[[Sequence[str], Grades, "int | None"], float]


def ranked(passages: Sequence[Passage]) -> list[str]:
    """The ids, best first, each once."""
    order = list(passages)
    if all(passage.score is not None for passage in order):
        order.sort(key=lambda passage: passage.id, reverse=True)
        order.sort(key=lambda passage: passage.score or 0.0, reverse=True)
    return list(dict.fromkeys(passage.id for passage in order))


def _metric(name: str, measure: _Measure, summary: str) -> Callable[..., Result]:
    """A metric from a measure of one ranking, its grades and a cutoff."""

    def metric(
        columns: Columns, *, confidence: float = 0.95, seed: int = 0, k: int | None = None
    ) -> Result:
        contexts = columns.contexts or [()] * len(columns)
        values = [
            measure(ranked(found)[:k], grades, k)
            for found, grades in zip(contexts, columns.relevant, strict=True)
        ]
        full = name if k is None else f"{name}@{k}"
        score = build.mean(full, values, confidence=confidence, limits=(0.0, 1.0))
        return build.single(full, score)

    metric.__name__ = name
    metric.__doc__ = f"{summary} Per question; ``k`` passages count, or all (None)."
    return metric


def _hits(ids: Sequence[str], grades: Grades) -> int:
    return sum(grades.get(name, 0) > 0 for name in ids)


def _relevant(grades: Grades) -> int:
    return sum(grade > 0 for grade in grades.values())


def _recall(ids: Sequence[str], grades: Grades, k: int | None) -> float:
    return _hits(ids, grades) / max(1, _relevant(grades))


def _precision(ids: Sequence[str], grades: Grades, k: int | None) -> float:
    return _hits(ids, grades) / max(1, len(ids) if k is None else k)


def _hit_rate(ids: Sequence[str], grades: Grades, k: int | None) -> float:
    return float(_hits(ids, grades) > 0)


def _mrr(ids: Sequence[str], grades: Grades, k: int | None) -> float:
    places = (place for place, name in enumerate(ids, start=1) if grades.get(name, 0) > 0)
    return 1 / next(places, float("inf"))


def _map(ids: Sequence[str], grades: Grades, k: int | None) -> float:
    found, total = 0, 0.0
    for place, name in enumerate(ids, start=1):
        if grades.get(name, 0) > 0:
            found += 1
            total += found / place
    return total / max(1, _relevant(grades))


def _dcg(gains: Sequence[int]) -> float:
    return sum(max(0, gain) / log2(place + 1) for place, gain in enumerate(gains, start=1))


def _ndcg(ids: Sequence[str], grades: Grades, k: int | None) -> float:
    best = _dcg(sorted(grades.values(), reverse=True)[:k])
    return _dcg([grades.get(name, 0) for name in ids]) / best if best else 0.0


recall = _metric("recall", _recall, "Share of the relevant passages that are among the first k.")
precision = _metric("precision", _precision, "Share of k passages that are relevant.")
hit_rate = _metric("hit_rate", _hit_rate, "Whether one of the first k passages is relevant.")
mrr = _metric("mrr", _mrr, "1 over the rank of the first relevant passage; 0 without one.")
mean_average_precision = _metric(
    "map", _map, "Precision at the rank of each relevant passage, averaged over all of these."
)
ndcg = _metric(
    "ndcg",
    _ndcg,
    "Grades discounted by the binary logarithm of rank + 1, over those of the best ranking"
    " (K. Järvelin and J. Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002).",
)
context_recall = _metric("context_recall", _recall, "Share of the relevant passages retrieved.")
context_precision = _metric(
    "context_precision", _precision, "Share of the retrieved passages that are relevant."
)


# --- citations ----------------------------------------------------------------------------------

_BRACKETS = re.compile(r"\[([^\[\]\n]{1,200})\]")
_SEPARATOR = re.compile(r"\s*[,;]\s*")


def citations(text: str, passages: Sequence[Passage]) -> list[str]:
    """The ids that an answer cites: ``[1]``, ``[doc-3]``, ``[1, 4]``, ``[^2]``, each once.

    A citation is an id of a passage, else a place in the list, from 1. A number or id in brackets
    that leads to no passage is kept as it is written: it cites something that does not exist. Other
    words in brackets are no citations.
    """
    ids = [passage.id for passage in passages]
    found = (_cited(name, ids) for inner in _BRACKETS.findall(text) for name in _names(inner))
    return list(dict.fromkeys(name for name in found if name is not None))


def without_citations(text: str, passages: Sequence[Passage]) -> str:
    """A text without the citations in it.

    >>> without_citations("It opened in 1912 [1].", [Passage("a")])
    'It opened in 1912.'
    """
    bare = _BRACKETS.sub(lambda found: "" if citations(found[0], passages) else found[0], text)
    return re.sub(r"\s+(?=[.,;:!?]|\s|$)", "", bare).strip()


def _names(inner: str) -> Iterator[str]:
    yield from (name.strip().removeprefix("^") for name in _SEPARATOR.split(inner))


_LIKE_AN_ID = re.compile(r"\d+|[^\W_]+[-_:/#.][\w\-:/#.]*\d[\w\-:/#.]*")


def _cited(name: str, ids: Sequence[str]) -> str | None:
    if name in ids:
        return name
    if name.isdecimal() and 1 <= int(name) <= len(ids):
        return ids[int(name) - 1]
    return name if _LIKE_AN_ID.fullmatch(name) else None


def _of_citations(name: str, measure: _Measure, columns: Columns, confidence: float) -> Result:
    """The mean of a measure of the passages that each answer cites."""
    contexts = columns.contexts or [()] * len(columns)
    values = [
        measure(citations(text or "", found), grades, None)
        for text, found, grades in zip(columns.predictions, contexts, columns.relevant, strict=True)
    ]
    return build.single(name, build.mean(name, values, confidence=confidence))


def citation_precision(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of the passages that an answer cites that are relevant; 0 if it cites none."""
    return _of_citations("citation_precision", _precision, columns, confidence)


def citation_recall(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of the relevant passages that an answer cites."""
    return _of_citations("citation_recall", _recall, columns, confidence)
