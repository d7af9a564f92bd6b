"""Normal forms of words: differences in case, width, dashes and spaces are ignored."""

from __future__ import annotations

import re
import unicodedata

# A letter or digit of a word; excludes scripts written without spaces, whose signs do not join
# adjacent letters.
LETTER = (
    r"[^\W_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff66-\uff9f"
    r"\U00020000-\U0003ffff]"
)
DASHES = "-‐‑‒–—−"
_HYPHEN = str.maketrans(dict.fromkeys(DASHES, "-"))
_BETWEEN_WORDS = re.compile(rf"(?<=[^\W_])[{DASHES}\s_]+(?=[^\W_])")
_KEPT = "".join(
    chr(code)
    for code in (*range(0xB2, 0xBF), *range(0x2070, 0x20A0), *range(0x2150, 0x2160), 0x2189)
    if unicodedata.decomposition(chr(code)).startswith(("<super>", "<sub>", "<fraction>"))
)
"""Superscript and subscript digits and fractions, which are other numbers than plain digits."""
_SEGMENTS = re.compile(f"([{_KEPT}]+)")


def fold(text: str) -> str:
    """Text for comparison: NFKC-normalised and case-folded."""
    if text.isascii():
        return text.casefold()
    parts = _SEGMENTS.split(text)
    parts[::2] = [unicodedata.normalize("NFKC", part).casefold() for part in parts[::2]]
    return straight("".join(parts))


def straight(text: str) -> str:
    """Text with straight apostrophes."""
    return text.replace("’", "'").replace("ʼ", "'")


def form(text: str) -> str:
    """The normal form of a label: "A-B", "a_b" and "a  b" are equal."""
    return spaced(fold(text).strip()).translate(_HYPHEN)


def spaced(folded: str) -> str:
    """Folded text with a single space for any dashes, underscores and spaces between words."""
    return _BETWEEN_WORDS.sub(" ", folded)


_GAP = re.compile(r"\s{50,}")


def without_gaps(text: str) -> str:
    """The text with runs of 50 and more white space shortened: to one or two line breaks if they
    have as many, else to 49 spaces. Rules that read lines take the square of such a run."""
    return _GAP.sub(lambda gap: "\n" * min(gap[0].count("\n"), 2) or " " * 49, text)
