"""Rewrites a text in plain signs, with a mapping of each character to the original text.

Digits of every script become 0 … 9, fractions such as ½ become 1/2, superscript digits after a
number become a power, and LaTeX around numbers (``9{,}500``, ``\\$80``, ``\\frac{3}{4}``,
``\\boxed``) becomes what it shows. Four kinds of dashes stay distinct, since they differ in
meaning: ``-`` (hyphens), ``–`` (en and figure dashes), ``—`` (longer ones) and ``−`` (minus).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

GAP = "\u00a0"
"""The non-breaking space that stands for all of its kind."""
_TIGHT = "\u00a0\u2007\u2008\u2009\u200a\u202f"
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_SIGNS = {
    **dict.fromkeys("\u2010\u2011\ufe63\uff0d", "-"),
    **dict.fromkeys("\u2012\u2013", "–"),
    **dict.fromkeys("\u2014\u2015\u2e3a\u2e3b", "—"),
    **dict.fromkeys("\u2212\u2796", "−"),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u2019\u02bc\u2018", "'"),
    **dict.fromkeys("\u22c5\u2219", "·"),
    **dict.fromkeys("〜～", "~"),
    **dict.fromkeys(_TIGHT, GAP),
    **dict.fromkeys(_INVISIBLE, ""),
    "\u066a": "%",
    "\u066b": ".",
    "\u066c": ",",
    "\u2716": "×",
    "\u215f": "1/",
}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED_RUN = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_PIECES = (
    r"\\(?:boxed|fbox|mbox|text(?:bf|it|rm|tt|up)?|math(?:rm|bf|it|sf|tt)|left|right|[Bb]igg?[lr]?"
)
_LATEX: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\{([,.])\}"), r"\1"),
    (re.compile(r"\\([$%#&])"), r"\1"),
    (re.compile(r"\\!"), ""),
    (re.compile(r"\\[,;: ]"), GAP),
    (re.compile(r"(?<=\d)~(?=\d)"), GAP),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])"), "°"),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "×"),
    (re.compile(r"\\(?:pm|mp)(?![A-Za-z])"), "±"),
    (re.compile(r"\\div(?![A-Za-z])"), "÷"),
    (re.compile(_PIECES + r"|displaystyle)(?![A-Za-z])\s*"), ""),
    (re.compile(r"(?<=\d)\^\s*\{\s*([-+−]?\d+)\s*\}"), r"^\1"),
    (
        re.compile(
            r"(?P<before>\d\s?)?\\[dtc]?frac\s*(?:\{\s*(-?\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))"
        ),
        lambda m: (f"{m['before'].strip()} " if m["before"] else "") + _over(m),
    ),
)


def _over(found: re.Match[str]) -> str:
    return f"{found[2] or found[3]}/{found[4] or found[5]}"


class Plain(NamedTuple):
    """A text in plain signs. at, to: where each character begins and ends in the original."""

    text: str
    at: Sequence[int]
    to: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of a non-empty part in the original text."""
        return self.at[start], self.to[end - 1]


def plain(text: str) -> Plain:
    """A text in plain signs."""
    made = Plain(text, range(len(text)), range(1, len(text) + 1))
    if not text.isascii():
        made = plain_characters(text)
    if "\\" in made.text or "{" in made.text:
        for pattern, shown in _LATEX:
            made = _replaced(made, pattern, shown)
    return made


def plain_characters(text: str) -> Plain:
    """A text in plain signs, with unchanged LaTeX."""
    pieces: list[str] = []
    at: list[int] = []
    to: list[int] = []
    i = 0
    while i < len(text):
        raised = _RAISED_RUN.match(text, i)
        end = raised.end() if raised else i + 1
        before = pieces[-1][-1:] if pieces else ""
        if raised:
            piece = (
                f"^{raised[0].translate(_RAISED)}"
                if before.isdecimal() or before in tuple(")]}")
                else ""
            )
        else:
            piece = _plain_character(text[i], before)
        pieces.append(piece)
        at += [i] * len(piece)
        to += [end] * len(piece)
        i = end
    return Plain("".join(pieces), at, to)


def _plain_character(character: str, before: str) -> str:
    if character.isascii():
        return character
    if character in _SIGNS:
        return _SIGNS[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    if character.isspace():
        return " "
    if unicodedata.decomposition(character).startswith("<fraction>"):
        value = Fraction(unicodedata.numeric(character)).limit_denominator(1000)
        return (" " if before.isdecimal() else "") + f"{value.numerator}/{value.denominator}"
    return character


def _replaced(
    made: Plain, pattern: re.Pattern[str], shown: str | Callable[[re.Match[str]], str]
) -> Plain:
    pieces: list[str] = []
    at: list[int] = []
    to: list[int] = []
    done = 0
    for found in pattern.finditer(made.text):
        piece = found.expand(shown) if isinstance(shown, str) else shown(found)
        pieces += [made.text[done : found.start()], piece]
        start, end = made.span(*found.span())
        at += [*made.at[done : found.start()], *[start] * len(piece)]
        to += [*made.to[done : found.start()], *[end] * len(piece)]
        done = found.end()
    if not pieces:
        return made
    pieces.append(made.text[done:])
    return Plain("".join(pieces), [*at, *made.at[done:]], [*to, *made.to[done:]])
