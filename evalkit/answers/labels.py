"""Finds the one label that a text mentions.

A label is mentioned if one of its written forms occurs as whole words, in any case. Of overlapping
forms the longest counts ("very positive" over "positive"). A numeric label is mentioned by a
number of that value on its own: not by a part of a range, a comparison, a fraction or a word
("2-3", "<1", "more than 3", "1/5", "1st").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from evalkit.answers import negation, qualified
from evalkit.answers.extracted import Extracted
from evalkit.written.forms import DASHES, LETTER, fold, form
from evalkit.written.numbers import numbers, only

_WRAPPING = " \t\r\n.,;:!?*_`~#\"'“”‘«»„()[]{}<>|-–—•…。！？、"
_NEUTRAL = " \t\r\n.,;:!?*_`\"'“”‘«»„()[]{}。！？、"
"""Those of them that do not change the meaning of an adjacent number or letter."""


class Mention(NamedTuple):
    """A label found in a text: its place, and the words that deny it ("" if none).

    supposed: whether the denial is conditional ("if it is not positive").
    """

    label: str
    start: int
    end: int
    denied: str = ""
    supposed: bool = False


def found_at(searched: str, spans: Sequence[tuple[str, int, int]]) -> list[Mention]:
    """Mentions from labels and their spans. searched: folded and ``negation.plain``."""
    denials = negation.denials(searched, [(start, end) for _, start, end in spans])
    return [
        Mention(*span, denied, bool(denied) and negation.supposed(searched, span[1]))
        for span, denied in zip(spans, denials, strict=True)
    ]


class _Written(NamedTuple):
    """Written forms of labels: words with their labels, and numbers by value."""

    words: Mapping[str, str]
    values: Mapping[Fraction, str]
    forms: Mapping[str, str]


def match(text: str, labels: Mapping[str, Sequence[str]], which: str | None = None) -> Extracted:
    """The label that a text is or mentions; None for no label, several, or only denied ones.

    labels: each label with its written forms (default: the label itself). which: ``first`` or
    ``last`` selects that mention if several labels are mentioned.
    """
    direct = _direct(text, _every_form(labels))
    if direct is not None:
        return Extracted(direct, f"the answer is the label '{direct}'")
    found = mentions(text, labels)
    if which in ("first", "last") and len({m.label for m in found}) > 1:
        return _decided(found[0 if which == "first" else -1], which)
    taken = settled(found, "label")
    several = len({m.label for m in found}) > 1
    if taken.prediction is not None and several and _in_sentences(fold(text), found):
        listed = ", ".join(f"'{label}'" for label in dict.fromkeys(m.label for m in found))
        return Extracted(None, f"different sentences mention different labels: {listed}")
    return taken


def _in_sentences(searched: str, found: Sequence[Mention]) -> bool:
    """Whether a sentence ends between the first and the last mention."""
    return bool(re.search(r"[.;!?]\s|\n", searched[found[0].end : found[-1].start]))


def settled(found: Sequence[Mention], what: str) -> Extracted:
    """The one label that is mentioned and not denied; others may be mentioned if denied."""
    denied = {m.label: m.denied for m in found if m.denied}
    affirmed = list(dict.fromkeys(m.label for m in found if not m.denied))
    listed = ", ".join(f"'{label}'" for label in dict.fromkeys(m.label for m in found))
    if not found:
        return Extracted(None, f"no {what} is mentioned")
    if len(affirmed) > 1:
        return Extracted(None, f"several {what}s are mentioned: {listed}")
    if not affirmed or affirmed[0] in denied:
        label = affirmed[0] if affirmed else next(iter(denied))
        if not affirmed and len(denied) > 1:
            return Extracted(None, f"several {what}s are mentioned, all denied: {listed}")
        return Extracted(None, f"'{label}' is denied: \"{' '.join(denied[label].split())}\"")
    if any(m.supposed for m in found):
        return Extracted(None, f"{listed}: the statement is conditional")
    if denied:
        others = ", ".join(f"'{label}'" for label in denied)
        return Extracted(affirmed[0], f"'{affirmed[0]}' is mentioned, {others} denied")
    times = "" if len(found) == 1 else f", {len(found)} times"
    return Extracted(affirmed[0], f"the only {what} mentioned is '{affirmed[0]}'{times}")


def _decided(mention: Mention, which: str) -> Extracted:
    if mention.denied:
        denied = " ".join(mention.denied.split())
        return Extracted(None, f"the {which} label, '{mention.label}', is denied: \"{denied}\"")
    return Extracted(mention.label, f"the {which} label mentioned is '{mention.label}'")


def _direct(text: str, forms: Mapping[str, str]) -> str | None:
    """The label that a text consists of, apart from marks around it."""
    answer = fold(text).strip()
    bare = answer.strip(_WRAPPING)
    if len(bare) < 2 or bare[0].isdigit() or bare[-1].isdigit():
        bare = answer.strip(_NEUTRAL)
    return forms.get(form(answer)) or forms.get(form(bare))


def mentions(text: str, labels: Mapping[str, Sequence[str]]) -> list[Mention]:
    """Every mention of a label in a text, in order, not overlapping."""
    written = _written(labels)
    searched = negation.plain(fold(text))
    spans = _words(searched, written.words)
    if written.values:
        taken = [(start, end) for _, start, end in spans]
        spans += [
            (label, start, end)
            for label, start, end in _numbers(searched, written)
            if not any(a < end and start < b for a, b in taken)
        ]
        spans.sort(key=lambda span: span[1])
    return found_at(searched, spans)


def _words(searched: str, forms: Mapping[str, str]) -> list[tuple[str, int, int]]:
    found = []
    for hit in _pattern(tuple(sorted(forms, key=len, reverse=True))).finditer(searched):
        # A single letter is not enough: "a good film" does not mention the label A.
        if re.fullmatch("[a-z]", hit[0]) and not _stands_alone(searched, hit.start(), hit.end()):
            continue
        found.append((forms[form(hit[0])], hit.start(), hit.end()))
    return found


def _numbers(searched: str, written: _Written) -> list[tuple[str, int, int]]:
    found, highest = numbers(searched), max(written.values)
    spans = []
    for i, number in enumerate(found):
        known = None if number.value is None else written.values.get(number.value)
        if known is None or number.fraction:
            continue
        if qualified.stands_for_itself(searched, found, i, known, highest):
            spans.append((written.forms[known], number.start, number.end))
    return spans


def _every_form(labels: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each written form with its label; forms that two labels share are left out."""
    forms: dict[str, str] = {}
    shared = set()
    for label, ways in labels.items():
        for way in ways or (label,):
            known = form(way)
            if known and forms.setdefault(known, label) != label:
                shared.add(known)
    return {known: label for known, label in forms.items() if known not in shared}


def _written(labels: Mapping[str, Sequence[str]]) -> _Written:
    forms = _every_form(labels)
    numeric = {known: number for known in forms if (number := only(known)) and not number.fraction}
    owners: dict[Fraction, set[str]] = {}
    for known, number in numeric.items():
        assert number.value is not None
        owners.setdefault(number.value, set()).add(forms[known])
    values = {
        number.value: known
        for known, number in numeric.items()
        if number.value is not None and len(owners[number.value]) == 1
    }
    words = {
        known: label
        for known, label in forms.items()
        if known not in numeric
        or numeric[known].value not in values
        or not re.fullmatch(r"[-+]?[\d.,\s]+", known)  # "$5" stands in "It costs $5", 5 does not
    }
    return _Written(words, values, forms)


@lru_cache(maxsize=256)
def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_form_pattern(form) for form in forms) or r"(?!)")


def _form_pattern(form: str) -> str:
    words = rf"[{DASHES}\s_]+".join(
        re.escape(word).replace(r"\-", f"[{DASHES}]") for word in form.split(" ")
    )
    if not any(character.isalnum() for character in form):  # "+" does not stand in "C++"
        return rf"(?<![^\s\"'(\[*:=`]){words}(?![^\s\"')\].,;*`])"
    if re.match(r"[^\w\s]\d", form):  # "$5" does not stand in "-$5"
        return rf"(?<![{DASHES}\w+<>≤≥±]){words}{_edge(form[-1], before=False)}"
    return _edge(form[0], before=True) + words + _edge(form[-1], before=False)


def _edge(character: str, *, before: bool) -> str:
    """A pattern for what must not be adjacent to a form, so that it is whole words."""
    if not re.match(LETTER, character):
        return ""
    if character.isdigit() and before:
        return rf"(?<!{LETTER})(?<!\d[.,:/^'])(?<![{DASHES}+<>≤≥±])"
    if character.isdigit():
        return rf"(?!{LETTER})(?![.,:/^']\d)(?!\s?[{DASHES}]\s?\d)(?!\+|\s?%)"
    if before:
        return rf"(?<!{LETTER})(?<!{LETTER}_)"
    return rf"(?!{LETTER})(?!_{LETTER})(?![+#])"


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - 200) : start].rpartition("\n")[2]
    after = text[end : end + 80]
    marked = re.match(r"[)\]:*\"'`]|\s*(?:$|\n)|[.,;!](?:\s|$)", after)
    cued = re.search(r"(?:is|label|class|option|answer|category|[(:=*\"'`])\W*$", before)
    return bool(marked and (cued or not before.strip(_WRAPPING)))
