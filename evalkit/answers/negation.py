"""Decides whether a phrase is denied: "not positive", "isn't really positive".

A denial applies to a phrase in the same clause, at most six words later; a denial of the first or
last item of a list ("not A, B or C", "A and B are wrong") applies to all items. In doubt a phrase
counts as denied, so that it is not taken as the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalkit.written.forms import straight

_BEFORE = re.compile(
    r"""(?:
      (?<![^\W_])(?:
        not|no|never|neither|nor|none|nothing|nobody|without|cannot|can't|hardly|barely|scarcely
        |lacks?|lacking|rather\ than|instead\ of|far\ from|anything\ but|opposite\ of
        |rul(?:e[sd]?|ing)\ out|eliminat(?:e[sd]?|ing)|exclud(?:e[sd]?|ing)|reject(?:s|ed|ing)?
        |discard(?:s|ed|ing)?|as\ opposed\ to
        |(?:absence|lack|free|devoid)\ of
        |(?:is|are|was|were|do|does|did|has|have|had|would|could|should|wo|ca|ai)n'?t
        |nicht|kein(?:e[nmrs]?)?|weder|nie(?:mals)?|ohne|statt
        |ne|n'est|pas|jamais|sans|ni|sin|nunca|tampoco
      )
      (?:[^\S\n]+["'*_`(\[“‘«]*[^\W_][\w'’-]*["'*_`)\]”’»]*){0,6}?
      [^\S\n]+["'*_`(\[“‘«]*
    |
      (?<![^\W_])(?:(?:non|not|no)[-‐‑–_\ ]
        |(?:un|anti|dis|semi|quasi|pseudo|half|near|pre|counter|false)[-‐‑–])["'*_`]*
    | [不非没沒無无](?:是|有)?  # Chinese and Japanese, written together with the phrase
    )$""",
    re.VERBOSE,
)
_AFTER = re.compile(
    r"""[-‐‑–](?:free|less)(?![^\W_]) | ["'*_`)\]”’»]*[^\S\n]+
      (?:(?:label|sentiment|answer|option|choice|class|category|rating|one)[^\S\n]+)?(?:
        (?:is|was|are|were|would|does|do|did|can|could|should|seems?|be)[^\S\n]+
          (?:\w+[^\S\n]+){0,2}?
          (?:not|never|wrong|incorrect|false|ruled\ out|eliminated|excluded|rejected)(?![^\W_])
      | can[^\S\n]+(?:\w+[^\S\n]+)?be[^\S\n]+(?:ruled\ out|eliminated|excluded|rejected)
      | (?:is|was|are|were|would|does|do|did|ca|could|should)n't(?![^\W_])
      | cannot(?![^\W_])
      | (?:ist|wäre)[^\S\n]+(?:nicht|falsch)(?![^\W_])
      | n'est[^\S\n]+pas(?![^\W_])
    )""",
    re.VERBOSE,
)
# Emphasis, not a denial.
_EMPHASIS = re.compile(
    r"(?<![^\W_])(?:(?:no|without(?: an?y?)?|beyond(?: an?y?)?) (?:doubt|question|problem)s?"
    r"|not (?:only|just|merely|simply|solely|purely))(?![^\W_])"
    r"|n't (?:only|just|merely|simply|solely|purely)(?![^\W_])"
)
_CLAUSE_ENDS = re.compile(
    r"[.;:,!?\n—]|(?<![^\W_])(?:but|however|sondern|aber|mais|pero)(?![^\W_])"
)
_WORDS = 12  # of a clause that are looked at: more than a denial and six words
_REACH = 120  # characters before a phrase that can hold a denial and six words


_SUPPOSED = re.compile(r"(?<![^\W_])(?:if|unless|whether|when|falls|wenn|ob|si)(?![^\W_])")
_IN_LIST = re.compile(
    r"""["'*_`)\].”’»]*[^\S\n]*(?:,|/|&|,?[^\S\n]*(?<![^\W_])(?:and|or|nor|und|oder|noch)(?![^\W_]))
    (?:[^\S\n]*(?:option|choice|answer|label)s?(?![^\W_]))?[^\S\n]*["'*_`(\[“‘«]*""",
    re.VERBOSE,
)
_CONJUNCTION = re.compile(r"&|(?<![^\W_])(?:and|or|nor|und|oder|noch)(?![^\W_])")


def plain(text: str) -> str:
    """Text with straight apostrophes and with phrases of emphasis blanked out."""
    return _EMPHASIS.sub(lambda m: "·" * len(m[0]), straight(text))


def denials(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """For each phrase ``text[start:end]``, the denial with the phrase; "" if it is affirmed.

    ``text`` must be lower-cased and :func:`plain`; the phrases in order, not overlapping.
    """
    before = [_before(text, *span) for span in spans]
    after = [_after(text, *span) for span in spans]
    for first, last in _lists(text, spans):
        head = next((i for i in range(first, last + 1) if before[i]), None)
        if head is not None:
            before[head : last + 1] = [before[i] or before[head] for i in range(head, last + 1)]
        tail = after[last]
        after[first : last + 1] = [own or tail for own in after[first : last + 1]]
    return [one or other for one, other in zip(before, after, strict=True)]


def _lists(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first and last phrase of each list: "A, B or C". Commas alone are not a list."""
    lists = []
    first, joined = 0, False
    for i in range(len(spans)):
        between = text[spans[i][1] : spans[i + 1][0]] if i + 1 < len(spans) else "."
        if _IN_LIST.fullmatch(between):
            joined = joined or bool(_CONJUNCTION.search(between))
            continue
        if joined:
            lists.append((first, i))
        first, joined = i + 1, False
    return lists


def _before(text: str, start: int, end: int) -> str:
    before = text[max(0, start - _REACH) : start]
    ends = list(_CLAUSE_ENDS.finditer(before))
    clause = before[ends[-1].end() :] if ends else before
    found = _BEFORE.search(" ".join(clause.split(" ")[-_WORDS:]))
    return (found[0] + text[start:end]).strip() if found else ""


def _after(text: str, start: int, end: int) -> str:
    found = _AFTER.match(text, end)
    return (text[start:end] + found[0]).strip() if found else ""


def supposed(text: str, start: int) -> bool:
    """Whether the clause before ``start`` is conditional: "if it is not …"."""
    before = text[max(0, start - _REACH) : start]
    return bool(_SUPPOSED.search(re.split(r"[.;!?\n]", before)[-1]))
