"""Regular expressions that users write: the meaning they have in ``re``, and a limit on time.

``re`` cannot be interrupted, and ``(a+)+b`` takes longer than anybody waits on the wrong text. The
package ``regex`` has a limit. Where it gives the same pattern another meaning (what counts as a
letter or as white space, fuzzy matches, POSIX classes), the pattern is rewritten.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any, Protocol

SECONDS = 0.5
"""Processor time for which a pattern may search one text."""
_HURRIED = 0.02
_PATIENCE = 3
"""After so many texts on which a pattern took too long, it gets ``_HURRIED`` seconds for others."""

_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
_NO_SPACE = (
    "\\x00-\\x08\\x0e-\\x1b\\x21-\\x84\\x86-\\x9f\\xa1-\\u167f\\u1681-\\u1fff\\u200b-\\u2027"
    "\\u202a-\\u202e\\u2030-\\u205e\\u2060-\\u2fff\\u3001-\\U0010ffff"
)
_WORD = "\\p{L}\\p{N}_"
# Everything else, as classes, because a set cannot hold a negated one.
_NO_WORD = (
    "\\p{M}\\p{Pd}\\p{Ps}\\p{Pe}\\p{Pi}\\p{Pf}\\p{Po}\\p{S}\\p{Z}\\p{C}"
    "\\u203f\\u2040\\u2054\\ufe33\\ufe34\\ufe4d-\\ufe4f\\uff3f"
)
_IN_SET = {"s": _SPACE, "S": _NO_SPACE, "w": _WORD, "W": _NO_WORD}
_OUTSIDE = {
    "s": f"[{_SPACE}]",
    "S": f"[^{_SPACE}]",
    "w": f"[{_WORD}]",
    "W": f"[^{_WORD}]",
    "b": f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    "B": f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
}
_NAMED = re.compile(r"\\N\{[^}]*\}")
_REPEAT = re.compile(r"\{(?:\d+(?:,\d*)?|,\d*)\}")


class PatternTimeoutError(Exception):
    """A pattern takes too long on a text."""


class Match(Protocol):
    """A match of ``re`` or ``regex``."""

    def __getitem__(self, group: int | str) -> str | None: ...


class Pattern:
    """One pattern. groups: how many it has. names: of its named groups."""

    def __init__(self, text: str) -> None:
        """Raises ``re.error`` if the pattern is invalid in ``re``."""
        import regex

        known = re.compile(text)
        self.text = text
        self.groups, self.names = known.groups, tuple(known.groupindex)
        self._slow = 0
        try:
            self._compiled: Any = regex.compile(rewritten(text, known.flags), regex.VERSION0)
        except regex.error as error:
            raise re.error(str(error)) from None

    def search(self, text: str) -> Match | None:
        """The first match. Raises PatternTimeoutError."""
        seconds = SECONDS if self._slow < _PATIENCE else _HURRIED
        try:
            found: Match | None = self._compiled.search(text, timeout=seconds)
        except TimeoutError:
            self._slow += 1
            raise PatternTimeoutError(
                f"the regular expression takes too long on this text (over {seconds:g} s); rewrite"
                " repetitions within repetitions, such as (a+)+"
            ) from None
        return found


@functools.lru_cache(maxsize=256)
def pattern(text: str) -> Pattern:
    """A compiled pattern, cached. Raises ``re.error`` if it is invalid."""
    return Pattern(text)


def rewritten(text: str, flags: int = 0) -> str:
    """A pattern of ``re`` as one of ``regex`` (version 0) that matches the same texts.

    flags: those of the compiled pattern.
    """
    return "".join(_rewritten(text, bool(flags & re.ASCII), bool(flags & re.VERBOSE)))


def _rewritten(text: str, ascii_only: bool, verbose: bool) -> Iterator[str]:
    at, in_set = 0, -1  # in_set: where the set's first character is, -1 outside a set
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            piece = named[0] if (named := _NAMED.match(text, at)) else text[at : at + 2]
            at += len(piece)
            known = {} if ascii_only else _OUTSIDE if in_set < 0 else _IN_SET
            yield known.get(piece[1:], piece)
            continue
        at += 1
        if in_set >= 0:
            closes = sign == "]" and at - 1 > in_set
            in_set = -1 if closes else in_set
            yield "\\" + sign if sign in "[&|~" or (sign == "]" and not closes) else sign
        elif sign == "[":
            negated = text[at : at + 1] == "^"
            at += negated
            in_set = at
            yield "[^" if negated else "["
        elif sign == "#" and verbose:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("(?#", at - 1):
            at = text.index(")", at) + 1
        elif sign == "{" and not _REPEAT.match(text, at - 1):
            yield "\\{"
        else:
            yield sign
