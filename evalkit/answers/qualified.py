"""Decides whether a number stands on its own or is part of an expression: "2 to 3", "over 3"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from evalkit.written.forms import LETTER
from evalkit.written.numbers import Number

_COMPARED_BEFORE = re.compile(
    r"""(?:(?:(?<![-=])>|[<≤≥≠±])\s?=?|!=
      | (?<![^\W_])(?:
          at\ (?:most|least|best|worst) | over | under | above | below | up\ to | beyond
        | (?:more|less|fewer|greater|higher|lower|larger|bigger|smaller|better|worse)\ than
          (?:\ or\ equal\ to)?
        | exceed(?:s|ed|ing)? | almost | nearly | short\ of | not\ quite | close\ to | approaching
        | (?:minimum|maximum)(?:\ of)? | (?:min|max)\.? | half(?:\ of)? | twice | double
        | weniger\ als | mehr\ als | unter | über | mindestens | höchstens | bis\ zu | fast
        | moins\ de | plus\ de | au\ moins | au\ plus | menos\ de | más\ de
        )(?:\ (?:an?|the))?
      )[\s*_"'`(\[]*$""",
    re.VERBOSE,
)
_COMPARED_AFTER = re.compile(
    r"""[*_"'`)\]]*(?:
        \+ | [-‐‑]ish | [-–−](?=\s|$|[.,;)])
      | \s(?:\w+\s)?(?:or|and|oder|ou|o)\s(?:more|less|fewer|higher|lower|above|below|over|under|up
          |better|worse|greater|mehr|weniger|plus|moins|más|menos)(?![^\W_])
      | \s(?:\w+\s)?(?:at\ (?:most|least|best|worst)|minimum|maximum|tops)(?![^\W_])
      | \s?(?:plus|minus)(?![^\W_])
    )""",
    re.VERBOSE,
)
_UNIT_BEFORE = re.compile(r"([$€£¥₹])[ \u00a0]?$")
_UNIT_AFTER = re.compile(r"\s?([%‰°$€£¥₹])")
_RANGE = re.compile(
    r"""[*_"'`)\]]*\s?(?:\w+\s)?(?:to|through|thru|until|till|bis|à|hasta)\s(?:a\s|an\s)?["'*_`(\[]*""",
    re.VERBOSE,
)
_AND = re.compile(r"""[*_"'`)\]]*\s?(?:\w+\s)?(?:and|und|et|y)\s(?:a\s|an\s)?["'*_`(\[]*""")
_BETWEEN = re.compile(r"(?<![^\W_])(?:between|zwischen|entre)\s[\s*_\"'`(\[]*$")
_OUT_OF = re.compile(
    r"""[*_"'`)\]]*\s[(\[]?(?:\w+\s)?(?:out\sof|of|von|sur|de)\s(?:a\s|the\s)?["'*_`(\[]*"""
)
_OPERATION = re.compile(r"\s*[+×*÷/]\s*")


def stands_for_itself(
    text: str, found: Sequence[Number], i: int, form: str, highest: Fraction
) -> bool:
    """Whether the i-th number stands on its own. text: folded.

    form: the written form of the label with its value; 5% means 5 only if the form has the sign.
    highest: the largest numeric label: "4 out of 5" is 4 if that is 5.
    """
    number = found[i]
    before = text[max(0, number.start - 40) : number.start]
    after = text[number.end : number.end + 40]
    if re.match(LETTER, after) or _COMPARED_BEFORE.search(before) or _COMPARED_AFTER.match(after):
        return False
    units = (_UNIT_BEFORE.search(before), _UNIT_AFTER.match(after))
    if any(unit is not None and unit[1] not in form for unit in units):
        return False
    return _left(text, found, i, highest) and _right(text, found, i, highest)


def _left(text: str, found: Sequence[Number], i: int, highest: Fraction) -> bool:
    """Whether it is independent of the number before it: not the end of a range, not "of 5"."""
    if i == 0:
        return True
    gap = text[found[i - 1].end : found[i].start]
    return not (_ranges(text, found[i - 1], gap) or _OUT_OF.fullmatch(gap))


def _right(text: str, found: Sequence[Number], i: int, highest: Fraction) -> bool:
    if i + 1 == len(found):
        return True
    gap = text[found[i].end : found[i + 1].start]
    if _OUT_OF.fullmatch(gap):
        return found[i + 1].value == highest
    return not _ranges(text, found[i], gap)


def _ranges(text: str, first: Number, gap: str) -> bool:
    if _RANGE.fullmatch(gap) or _OPERATION.fullmatch(gap):
        return True
    before = text[max(0, first.start - 20) : first.start]
    return bool(_AND.fullmatch(gap) and _BETWEEN.search(before))
