"""Whether an answer says a fact: its words contain those of the fact."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalkit.written.forms import fold

_ARTICLES = ("a", "an", "the")


def says(text: str, answers: Sequence[str]) -> bool:
    """Whether a text contains one of some answers as whole words, side by side.

    Capitals, punctuation and English articles do not count.

    >>> says("It is the red boat.", ["A red boat"]), says("It is reddish.", ["red"])
    (True, False)
    """
    words = _words(text)
    return any(f" {_words(answer)} " in f" {words} " for answer in answers if _words(answer))


def _words(text: str) -> str:
    found = re.findall(r"[^\W_]+", fold(text))
    return " ".join(word for word in found if word not in _ARTICLES)
