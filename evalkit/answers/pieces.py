"""Extracts the part of a text that contains the answer."""

from __future__ import annotations

import re

from evalkit.answers.extracted import Extracted
from evalkit.answers.json_values import by_path as by_path
from evalkit.answers.json_values import parse_path as parse_path
from evalkit.errors import UsageError
from evalkit.written.numbers import numbers
from evalkit.written.patterns import PatternTimeoutError
from evalkit.written.patterns import pattern as compiled

_MARKDOWN = " \t\r*`"


def by_pattern(text: str, pattern: str, group: int | str | None = None) -> Extracted:
    """The first match of a regular expression: its group, else its first group, else all."""
    try:
        expression = compiled(pattern)
    except re.error as error:
        raise UsageError(f"the regular expression {pattern!r} is not valid: {error}") from None
    try:
        found = expression.search(text)
    except PatternTimeoutError as error:
        return Extracted(None, f"/{pattern}/: {error}")
    if found is None:
        return Extracted(None, f"nothing matches /{pattern}/")
    wanted = group if group is not None else min(expression.groups, 1)
    try:
        piece = found[wanted]
    except IndexError:
        raise UsageError(f"the regular expression {pattern!r} has no group {wanted!r}") from None
    if piece is None or not piece.strip():
        return Extracted(None, f"the match of /{pattern}/ is empty")
    return Extracted(piece.strip(), f"the first match of /{pattern}/")


def after(text: str, marker: str, which: str = "last") -> Extracted:
    """The rest of the line after a marker, or the next line with text if that is empty.

    The marker matches in any case; markdown marks around the answer are dropped.
    """
    found = list(re.finditer(re.escape(marker), text, re.IGNORECASE))
    if not found:
        return Extracted(None, f"'{marker}' does not occur")
    rest = text[found[0 if which == "first" else -1].end() :]
    piece = next((line for line in (p.strip(_MARKDOWN) for p in rest.splitlines()) if line), "")
    if not piece:
        return Extracted(None, f"nothing follows '{marker}'")
    times = "" if len(found) == 1 else f"{which} "
    return Extracted(piece, f"the text after the {times}'{marker}'")


def number(text: str, which: str = "last") -> Extracted:
    """The first or last number of a text, in its normal form: ``1234.5``, ``-3``, ``3/4``.

    None if that number is ambiguous; see :mod:`evalkit.written.numbers`.
    """
    found = numbers(text)
    if not found:
        return Extracted(None, "the answer contains no number")
    hit = found[0 if which == "first" else -1]
    place = "only" if len(found) == 1 else which
    shown = text[hit.start : hit.end].strip()
    if hit.value is None:
        around = _around(text, hit.start, hit.end)
        return Extracted(None, f"the {place} number in the answer, in '{around}', is ambiguous")
    return Extracted(hit.text, f"the {place} number in the answer, '{shown}'")


def _around(text: str, start: int, end: int) -> str:
    """A part of a text with the adjacent words."""
    before = re.search(r"\S*\s?\S*$", text[max(0, start - 12) : start])
    after = re.match(r"\S*\s?\S*", text[end : end + 12])
    return f"{before[0] if before else ''}{text[start:end]}{after[0] if after else ''}".strip()
