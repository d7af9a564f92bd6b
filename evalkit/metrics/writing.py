"""Equivalent forms of a text, and what a character is, in any script.

Canonically equivalent texts (``é`` as one code point, or as ``e`` with a combining accent) are
equal: metrics see every text in Unicode's composed form, NFC. A character is an extended grapheme
cluster: what a reader sees as one, such as a Thai consonant with its vowel and tone marks.

Sources: Unicode Standard Annex #15 (normalization forms) and #29 (grapheme clusters).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

UNSPACED = "".join(
    rf"\p{{{script}}}"
    for script in (
        *("Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Tibetan"),
        *("Thai", "Lao", "Khmer", "Myanmar", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet"),
        *("Javanese", "Balinese"),
    )
)
"""Letters of the scripts that put no spaces between words, for a set of the module ``regex``."""

_WIDE = re.compile("[\u3000\uff00-\uffef]+")
_INVISIBLE = dict.fromkeys(
    map(
        ord,
        "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff",
    )
)


def composed(text: str) -> str:
    """The text in NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """The text without differences of case and width, in NFC.

    Full-width and half-width forms become the usual ones (``Ａ１`` is ``a1``); marks that show
    nothing are dropped. Case is folded as Unicode's full case folding, which knows no language:
    ``ß`` is ``ss``, and Turkish ``ı`` stays apart from ``i``.
    """
    if text.isascii():
        return text.lower()
    usual = _WIDE.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return unicodedata.normalize("NFC", usual.translate(_INVISIBLE).casefold())


def characters(text: str) -> list[str]:
    """The characters of a text, white space left out."""
    every = text if text.isascii() else pattern(r"\X").findall(text)
    return [one for one in every if not one.isspace()]


def spaced(text: str) -> str:
    """The text with spaces around each character of the scripts that put none between words."""
    if text.isascii():
        return text
    return str(pattern(rf"(?=[{UNSPACED}])\X").sub(r" \g<0> ", text))


@cache
def pattern(expression: str) -> Any:
    """An expression of the module ``regex``, which knows Unicode's properties, compiled once.

    Sets may be subtracted from each other (``[[\\p{L}]--[a-z]]``).
    """
    import regex

    return regex.compile(expression, flags=regex.VERSION1)
