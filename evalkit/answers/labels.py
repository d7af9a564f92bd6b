"""The one label that a text mentions.

A label counts as mentioned when one of its written forms stands there as whole words, in any
case. Where forms overlap the longest wins ("very positive" over "positive").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from evalkit.answers import negation
from evalkit.answers.taken import Taken

_WRAPPING = " \t\r\n.,;:!?*_`~#\"'“”‘’«»„()[]{}<>|-–—•…。！？、"
# Scripts written without spaces: a word may stand directly beside another letter.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


class Mention(NamedTuple):
    """A label found in a text: where, and the words that deny it ("" when none do)."""

    label: str
    start: int
    end: int
    denied: str


def match(text: str, labels: Mapping[str, Sequence[str]], which: str | None = None) -> Taken:
    """The label that a text is or mentions; None when there is none, several or a denied one.

    labels: each label with its written forms (the label itself when there are none). which:
    with ``first`` or ``last``, that mention decides where several labels are mentioned.
    """
    forms = _forms(labels)
    answer = fold(text).strip()
    direct = forms.get(_spaced(answer)) or forms.get(_spaced(answer.strip(_WRAPPING)))
    if direct is not None:
        return Taken(direct, f"the answer is the label '{direct}'")
    found = mentions(text, labels)
    if which in ("first", "last") and len({m.label for m in found}) > 1:
        return _decided(found[0 if which == "first" else -1], which)
    distinct = list(dict.fromkeys(m.label for m in found))
    if not distinct:
        return Taken(None, "no label is mentioned")
    if len(distinct) > 1:
        listed = ", ".join(f"'{label}'" for label in distinct)
        return Taken(None, f"several labels are mentioned: {listed}")
    denied = next((m.denied for m in found if m.denied), "")
    if denied:
        return Taken(None, f"'{distinct[0]}' is denied: \"{' '.join(denied.split())}\"")
    times = "" if len(found) == 1 else f", {len(found)} times"
    return Taken(distinct[0], f"the only label mentioned is '{distinct[0]}'{times}")


def _decided(mention: Mention, which: str) -> Taken:
    if mention.denied:
        denied = " ".join(mention.denied.split())
        return Taken(None, f"the {which} label, '{mention.label}', is denied: \"{denied}\"")
    return Taken(mention.label, f"the {which} label mentioned is '{mention.label}'")


def mentions(text: str, labels: Mapping[str, Sequence[str]]) -> list[Mention]:
    """Every mention of a label in a text, in order, not overlapping."""
    forms = _forms(labels)
    searched = negation.plain(fold(text))
    letters = frozenset(form for form in forms if re.fullmatch("[a-z]", form))
    found = []
    for hit in _pattern(tuple(sorted(forms, key=len, reverse=True))).finditer(searched):
        label = forms[_spaced(hit[0])]
        # One letter is too little to go by: "a good film" does not mention the label A.
        if hit[0] in letters and not _stands_alone(searched, hit.start(), hit.end()):
            continue
        denied = negation.denial(searched, hit.start(), hit.end())
        found.append(Mention(label, hit.start(), hit.end(), denied))
    return found


def fold(text: str) -> str:
    """Text as it is compared: compatibility forms unified (NFKC), case folded."""
    return unicodedata.normalize("NFKC", text).casefold()


def _forms(labels: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each folded written form with its label."""
    return {
        _spaced(negation.straight(fold(form)).strip()): label
        for label, written in labels.items()
        for form in (written or (label,))
        if form.strip()
    }


def _spaced(form: str) -> str:
    return re.sub(r"(?<=[^\W_])[\s_\-‐‑–]+(?=[^\W_])", " ", form)


@lru_cache(maxsize=256)
def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_form_pattern(form) for form in forms) or r"(?!)")


def _form_pattern(form: str) -> str:
    words = r"[\s_\-‐‑–]+".join(re.escape(word) for word in form.split(" "))
    return _edge(form[0], before=True) + words + _edge(form[-1], before=False)


def _edge(character: str, *, before: bool) -> str:
    """What must not stand beside a form for it to be whole words."""
    if not character.isalnum() or unicodedata.name(character, "").startswith(_UNSPACED):
        return ""
    if character.isdigit():
        # 1 is not mentioned in 1.5, -1 or 10.
        return r"(?<![^\W_])(?<!\d[.,])(?<!-)" if before else r"(?![^\W_])(?![.,]\d)"
    return r"(?<![^\W_])" if before else r"(?![^\W_])"


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - 200) : start].rpartition("\n")[2]
    after = text[end : end + 80]
    marked = re.match(r"[)\]:*\"'`]|\s*(?:$|\n)|[.,;!](?:\s|$)", after)
    cued = re.search(r"(?:is|label|class|option|answer|category|[(:=*\"'`])\W*$", before)
    return bool(marked and (cued or not before.strip(_WRAPPING)))
