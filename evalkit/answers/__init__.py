"""Extracts predictions from the text of responses, without guessing. Pure functions.

``pieces`` extracts the part of a text that contains the answer, ``labels`` finds the one label that
a text mentions, ``choices`` the one choice; all read numbers with :mod:`evalkit.written.numbers`.
An ambiguous text gives no prediction but an explanation, which the report shows beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import evalkit.answers.choices as _choices
import evalkit.answers.labels as _labels
import evalkit.answers.numeric as _numeric
import evalkit.answers.pieces as pieces
from evalkit.answers.extracted import Extracted
from evalkit.errors import UsageError, unknown
from evalkit.written.numbers import LONGEST

__all__ = ["METHODS", "Extracted", "take"]

METHODS = ("whole", "label", "regex", "json", "number", "after")


def take(
    text: str,
    method: str,
    *,
    labels: Mapping[str, Sequence[str]] | None = None,
    choices: Sequence[str] | None = None,
    pattern: str | None = None,
    group: int | str | None = None,
    path: str | None = None,
    which: str | None = None,
    marker: str | None = None,
) -> Extracted:
    """The answer in a response's text, or why there is none.

    method: ``whole`` (the stripped text), ``label`` (the one label or choice mentioned),
    ``regex`` (the first match of ``pattern``; ``group``, by default the first group if there is
    one), ``json`` (the value at ``path`` in the JSON of the text), ``number`` (the
    ``first`` or ``last``), ``after`` (the rest of the line after the ``first`` or ``last``
    ``marker``). which: ``first`` or ``last`` (the default); with ``label`` it decides between
    several labels mentioned, which are otherwise no answer.
    labels: each label with its written forms. choices: the texts of the choices A, B, C …. With
    either, the extracted piece must be one of them, and the prediction is the label or the choice's
    text; a number must be the value of one of them.

    >>> take("**Positive.**", "label", labels={"positive": ["positive"], "negative": ["negative"]})
    Extracted(prediction='positive', explanation="the answer is the label 'positive'")
    """
    if method not in METHODS:
        raise UsageError(unknown("answer method", method, METHODS))
    if not text.strip():
        return Extracted(None, "the answer is empty")
    ends = method == "number" or (method == "label" and which in ("first", "last"))
    if ends and len(text) > LONGEST:
        text = _begin_of(text) if which == "first" else _end_of(text)
    if method in ("whole", "label"):
        piece = Extracted(text.strip(), "the whole answer")
    elif method == "regex":
        piece = pieces.by_pattern(text, _needed("pattern", pattern), group)
    elif method == "json":
        piece = pieces.by_path(text, path or "$")
    elif method == "number":
        piece = pieces.number(text, which or "last")
    else:
        piece = pieces.after(text, _needed("marker", marker), which or "last")
    if piece.prediction is None or not (labels or choices):
        return piece
    if len(piece.prediction) > LONGEST:
        return Extracted(None, _too_long(piece.prediction))
    if method == "number":
        found = _numeric.match(piece.prediction, labels or {c: (c,) for c in choices or ()})
    elif labels:
        found = _labels.match(piece.prediction, labels, which if method == "label" else "only")
    else:
        found = _choices.match(piece.prediction, choices or ())
    if method in ("whole", "label"):
        return found
    return Extracted(
        found.prediction, f"{piece.explanation}: '{piece.prediction}'; {found.explanation}"
    )


def _too_long(text: str) -> str:
    return f"the answer has {len(text):,} characters; at most {LONGEST:,} are searched"


def _begin_of(text: str) -> str:
    """The characters that are searched for the first answer, up to a white space."""
    return re.sub(r"\S{1,200}\Z", "", text[:LONGEST])


def _end_of(text: str) -> str:
    """The characters that are searched for the last answer, from a white space on."""
    return re.sub(r"\A\S{1,200}", "", text[-LONGEST:])


def _needed(name: str, value: str | None) -> str:
    if value is None:
        raise UsageError(f"this answer method needs '{name}'")
    return value
