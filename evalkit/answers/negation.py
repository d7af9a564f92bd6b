"""Whether a phrase is denied where it stands: "not positive", "isn't really positive".

A denial before the phrase reaches it within one clause and over at most six words. The aim is
to doubt rather than to misread: a phrase that may be denied is not taken as the answer.
"""

from __future__ import annotations

import re

_BEFORE = re.compile(
    r"""(?:
      (?<![^\W_])(?:
        not|no|never|neither|nor|none|nothing|nobody|without|cannot|can't|hardly|barely|scarcely
        |lacks?|lacking|rather\ than|instead\ of|far\ from|anything\ but|opposite\ of
        |(?:absence|lack|free|devoid)\ of
        |(?:is|are|was|were|do|does|did|has|have|had|would|could|should|wo|ca|ai)n'?t
        |nicht|kein(?:e[nmrs]?)?|weder|nie(?:mals)?|ohne|statt
        |ne|n'est|pas|jamais|sans|ni|sin|nunca|tampoco
      )
      (?:[^\S\n]+["'*_`(\[“‘«]*[^\W_][\w'’-]*["'*_`)\]”’»]*){0,6}?
      [^\S\n]+["'*_`(\[“‘«]*
    |
      (?<![^\W_])(?:(?:non|not|no)[-‐‑–_\ ]|(?:un|anti|dis)[-‐‑–])["'*_`]*
    | [不非没沒無无](?:是|有)?  # Chinese and Japanese, written together with the phrase
    )$""",
    re.VERBOSE,
)
_AFTER = re.compile(
    r"""["'*_`)\]”’»]*[^\S\n]+
      (?:(?:label|sentiment|answer|option|choice|class|category|rating|one)[^\S\n]+)?(?:
        (?:is|was|are|were|would|does|do|did|can|could|should|seems?|be)[^\S\n]+
          (?:\w+[^\S\n]+)?(?:not|never|wrong|incorrect|false|ruled\ out)(?![^\W_])
      | (?:is|was|are|were|would|does|do|did|ca|could|should)n't(?![^\W_])
      | cannot(?![^\W_])
      | (?:ist|wäre)[^\S\n]+(?:nicht|falsch)(?![^\W_])
      | n'est[^\S\n]+pas(?![^\W_])
    )""",
    re.VERBOSE,
)
# Said for emphasis; nothing is denied.
_EMPHASIS = re.compile(
    r"(?<![^\W_])(?:no|without(?: an?y?)?|beyond(?: an?y?)?) (?:doubt|question|problem)s?(?![^\W_])"
)
_CLAUSE_ENDS = re.compile(
    r"[.;:,!?\n—]|(?<![^\W_])(?:but|however|sondern|aber|mais|pero)(?![^\W_])"
)
_REACH = 120  # characters before a phrase that can hold a denial and six words


def plain(text: str) -> str:
    """Text with typographic apostrophes made plain and phrases of emphasis blanked out."""
    return _EMPHASIS.sub(lambda m: "·" * len(m[0]), straight(text))


def straight(text: str) -> str:
    """Text with typographic apostrophes made plain."""
    return text.replace("’", "'").replace("ʼ", "'")


def denial(text: str, start: int, end: int) -> str:
    """The words that deny ``text[start:end]``, with it; "" when it stands affirmed.

    ``text`` must be lower-cased and :func:`plain`.
    """
    before = text[max(0, start - _REACH) : start]
    ends = list(_CLAUSE_ENDS.finditer(before))
    clause = before[ends[-1].end() :] if ends else before
    found = _BEFORE.search(clause)
    if found:
        return (found[0] + text[start:end]).strip()
    found = _AFTER.match(text, end)
    if found:
        return (text[start:end] + found[0]).strip()
    return ""
