"""Passages: texts that an application retrieves, or that the data gives, to answer from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

from evalkit.errors import UsageError, shortened


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrieved text."""

    id: str
    """Its id in the collection; its place in the list, from 1, where it has none."""
    text: str = ""
    """Empty where only the id is known."""
    score: float | None = None
    """Of the retriever, higher is better; None: unknown, the order decides."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        body: dict[str, Any] = {"id": self.id, "text": self.text}
        return body if self.score is None else {**body, "score": self.score}


def passages_of(value: object) -> tuple[Passage, ...]:
    """Passages from plain values, best first.

    value: a list, or a single one, of texts, mappings with ``text`` or ``id`` (and ``score``), or
    documents of LangChain; None and "" are no passages. Raises UsageError for anything else.
    """
    if value is None or value == "":
        return ()
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(_passage(item, place) for place, item in enumerate(items, start=1))


def _passage(value: object, place: int) -> Passage:
    if isinstance(value, Passage):
        return value
    if isinstance(value, str):
        return Passage(str(place), value)
    if isinstance(getattr(value, "page_content", None), str):  # a document of LangChain
        document: Any = value
        known = document.metadata if isinstance(document.metadata, Mapping) else {}
        identity = getattr(document, "id", None) or known.get("id")
        return Passage(_id(identity, place), document.page_content, _score(known.get("score")))
    if isinstance(value, Mapping) and ("text" in value or "id" in value):
        text = value.get("text") or ""
        if not isinstance(text, str):
            raise UsageError(f"the text of passage {place} is {type(text).__name__}, not a text")
        return Passage(_id(value.get("id"), place), text, _score(value.get("score")))
    raise UsageError(
        "expected passages such as 'a text' or {'id': 'doc-3', 'text': 'a text'}, found"
        f" {shortened(value)} in place {place}"
    )


def _id(value: object, place: int) -> str:
    if value is None or value == "":
        return str(place)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UsageError(f"the id of passage {place} is {value!r}; expected a text or a number")
    return str(value)


def _score(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise UsageError(f"the score of a passage is {value!r}; expected a number")
    return float(value)


def nearest_passage(text: str, passages: Sequence[Passage]) -> Passage | None:
    """The passage that shares most words with a text; words that few passages have count more.

    None without passages. Of several, the first.
    """
    if not passages:
        return None
    words = [_words(passage.text) for passage in passages]
    weight = {
        word: log(1 + len(passages) / (1 + sum(word in other for other in words)))
        for word in _words(text)
    }
    shared = [sum(w for word, w in weight.items() if word in own) for own in words]
    return passages[shared.index(max(shared))]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
