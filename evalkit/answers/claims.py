"""Cuts an answer into sentences, and keeps those that claim something.

Rules for texts in scripts with full stops. A list item whose list has a lead-in ("The desk is open
on:") is read with it. Questions, courtesies ("I hope this helps!") and admissions of not knowing
("The passages do not say.") claim nothing that passages could support.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.answers.admissions import ADMITS, admission_in


@dataclass(frozen=True, slots=True)
class Claim:
    """A part of an answer that claims something.

    text: to be checked, on one line. start, end: its characters in the answer; equal where it does
    not stand there.
    """

    text: str
    start: int = 0
    end: int = 0


_MARKER = re.compile(r"[ \t]*(?:(?:[-*•‣+–]|\(?\d{1,3}[.)]|[a-z][.)])[ \t]+|>[ \t]?)")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]|[ \t]*(?:[-=_*][ \t]*){3,}$|[ \t]*```")
_END = re.compile(
    r"(?:[.!?…]+(?:[\"'”’»)\]*_]+)?(?=\s|\[|$)|[。！？]+[”’」』）]*)"
    r"(?:\s*\[[^\[\]\n]{1,60}\])*",  # citations belong to the sentence before them
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“])(?:[A-Z]|Mr|Mrs|Ms|Mx|Dr|Prof|St|Sr|Jr|Rev|Gen|Col|Capt|Lt|Sgt|Hon|Mt|Ft"
    r"|No|Nos|Fig|Figs|Eq|Sec|Ch|Vol|Art|pp?|vs|cf|ca|approx|est|al|e\.g|i\.e|viz|resp|incl|bzw"
    r"|z\.B|Nr|(?:[A-Z]\.)+[A-Z]|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$"
)
"""What a full stop ends that does not end a sentence, if more of it follows."""
_FOLLOWS = re.compile(r"\s*[^\W\d_]")
_BRACKETS = re.compile(r"\[[^\[\]\n]{1,60}\]")
_WORD = re.compile(r"\w")


def claims_in(text: str) -> list[Claim]:
    """The claims of a text, each a sentence, in order.

    >>> [claim.text for claim in claims_in("It opened in 1912. Dr. May ran it. Is that all?")]
    ['It opened in 1912.', 'Dr. May ran it.']
    """
    found = []
    lead = ""
    for start, end, is_item in _blocks(text):
        if not is_item:
            lead = ""
        for left, right in _sentences(text, start, end):
            sentence = _line(text[left:right])
            if is_item and lead and left == start:
                sentence = f"{lead} {sentence}"
            if sentence.endswith((":", "：")):
                lead = sentence if not is_item else lead
            elif claims_something(sentence):
                found.append(Claim(sentence, left, right))
    return found


def _line(text: str) -> str:
    return " ".join(text.replace("**", "").replace("__", "").split())


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Paragraphs and list items: start, end, and whether it is an item. Headings are left out."""
    start: int | None = None
    end, is_item, place = 0, False, 0
    for line in text.splitlines(keepends=True):
        content = line.rstrip()
        marker = _MARKER.match(line)
        breaks = not content or _HEADING.match(content) or marker
        if start is not None and breaks:
            yield start, end, is_item
            start = None
        if content and not _HEADING.match(content):
            if start is None:
                indent = marker.end() if marker else len(line) - len(line.lstrip())
                start, is_item = place + indent, bool(marker and line.strip()[0] != ">")
            end = place + len(content)
        place += len(line)
    if start is not None and end > start:
        yield start, end, is_item


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The places of the sentences of a block."""
    left = start
    for found in _END.finditer(text, start, end):
        right = found.end()
        before = _BRACKETS.sub("", text[left:right]).rstrip()
        following = _FOLLOWS.match(text, right, end)
        if following and (following[0].strip().islower() or _ABBREVIATION.search(before)):
            continue
        if right < end and _ABBREVIATION.search(before) and text[right:end].strip():
            continue
        if _WORD.search(before):
            yield left, right
            left = right + len(text[right:end]) - len(text[right:end].lstrip())
    if text[left:end].strip():
        yield left, end


# --- what claims nothing ----------------------------------------------------------------------

_COURTESY = re.compile(
    r"(?:sure(?: thing)?|certainly|of course|absolutely|hello|hi|hey|thanks|okay|ok|you(?:'re| are)"
    r" welcome|(?:great|good) question|(?:best|kind) regards|sorry|bye|goodbye"
    r"|(?:thank you|thanks|i hope|hope (?:this|that|it)|let me know|please let me know|feel free"
    r"|please feel free|(?:i(?:'m|’m| am| would be|'d be|’d be) )?(?:happy|glad) to (?:help|assist)"
    r"|i(?:'m|’m| am)? (?:sorry|apologi[sz]e) (?:for|about)|have a (?:nice|great|good))\b[^.:;]*)"
    r"[.!]*",
    re.IGNORECASE,
)
"""A whole sentence of this kind is polite and claims nothing."""
_FIRST_PERSON = re.compile(
    r"(?:(?:sorry|unfortunately|but|however|well|i(?:'m|’m| am) (?:sorry|afraid))[,.]?\s+"
    r"(?:(?:but|that)\s+)?)*(?:i|we)(?:\b|['’])",
    re.IGNORECASE,
)
_TEXTS = (
    r"(?:(?:given|provided|retrieved|available|supplied|above|these|this|your)\s+)*"
    r"(?:passages?|contexts?|texts?|documents?|sources?|articles?|excerpts?|information|materials?)"
)
_SILENT = re.compile(
    rf"(?:\bthe\s+)?\b{_TEXTS}\b[^.,;]{{0,40}}?(?:\b(?:do|does|did)\s*(?:n't|n’t|not)"
    r"|\bcontains?\s+no\b|\bgives?\s+no\b|\bis\s+silent\b|\bsays?\s+nothing\b)"
    r"|\b(?:not|isn't|isn’t|never)\s+(?:\w+\s+)?(?:mentioned|stated|specified|given|provided|said"
    rf"|included|found|available)\b(?:\s+(?:in|by)\s+(?:the\s+)?{_TEXTS})?[^,;]{{0,20}}$"
    r"|^(?:unanswerable|unknown|n/?a|not\s+(?:found|available|stated|known)|no\s+answer)\W*$",
    re.IGNORECASE,
)
"""Words about the passages' silence, or a sign for "no answer"."""
_TURNS = re.compile(
    r"[;—]|\b(?:but|however|though|although|except|yet|while|because)\b", re.IGNORECASE
)
"""After words of this kind an admission goes on to claim something."""
_LACKS = re.compile(
    r"\b(?:have|had|find|found|see)\s+no\s+(?!(?:\w+\s+){0,2}?(?:information|idea|knowledge|record"
    r"|records|data|details|evidence|mention|answer|way|means|access|trace)\b)",
    re.IGNORECASE,
)
"""We lack a thing ("we have no ferry"), which is a claim, rather than knowledge."""


def claims_something(sentence: str) -> bool:
    """Whether a sentence claims something about the world that passages could support.

    >>> claims_something("The ferry runs twice a day."), claims_something("I do not know.")
    (True, False)
    """
    bare = re.sub(r"^\W+", "", _BRACKETS.sub("", sentence)).strip(" \t*_\"'“”")
    if not _WORD.search(bare) or bare.endswith(("?", "？")):
        return False
    if _COURTESY.fullmatch(bare):
        return False
    speaker = _FIRST_PERSON.match(bare)
    if _TURNS.search(bare, speaker.end() if speaker else 0):
        return True
    if _SILENT.search(bare):
        return False
    if _LACKS.search(bare):
        return True
    return not (speaker and admission_in(bare).prediction == ADMITS)


def admits_unknown(text: str) -> bool:
    """Whether an answer admits that it is not known, or claims nothing; False for an empty one.

    >>> admits_unknown("The text does not say."), admits_unknown("At nine.")
    (True, False)
    """
    if not _WORD.search(text):
        return False
    return admission_in(text).prediction == ADMITS or not claims_in(text)
