"""An answer made ready for rules: plain letters, sentences, what others say in it taken out."""

from __future__ import annotations

import re
import unicodedata

ITEM = re.compile(r"(?:\d{1,2}[.)]|-)\s+(?=\S)")
"""How an entry of a list begins."""
_NUMBER_ALONE = re.compile(r"\d{1,2}\.$")


def plain(text: str) -> str:
    """The text in lower case, with straight quotes and without the marks of Markdown."""
    straight = text.replace("’", "'").replace("“", '"').replace("”", '"').lower()
    bullets = re.sub(r"(?m)^\s*[*•–][ \t]+", "- ", straight)
    return re.sub(r"[*_`#>]+", "", bullets).strip()


def is_empty(text: str) -> bool:
    """Whether nothing can be seen of a text: white space, controls and the like."""
    return all(c.isspace() or unicodedata.category(c).startswith("C") for c in text)


def sentences(answer: str) -> list[str]:
    """The sentences, lines and entries of inline lists of a plain text that hold a word."""
    # In "steps: 1. mix" an entry begins; in "section 7. I can't" a sentence ends.
    parts = re.split(r"(?<=[.!?])[\"')]*\s+|\n+|(?<=[:;,])\s+(?=\d{1,2}[.)]\s)", answer)
    found: list[str] = []
    number = ""
    for part in parts:
        whole = f"{number} {part.strip()}".strip()
        number = whole if _NUMBER_ALONE.match(whole) else ""
        if not number and re.search(r"\w", whole):
            found.append(whole)
    return [*found, number] if number else found


_SPEECH = re.compile(
    r'"[^"\n]{12,600}[,.!?…-]"|«[^»\n]{12,600}»|„[^“”"\n]{12,600}[“”"]'
    r"|(?<=[(\[=:, ])'[^'\n]{12,300}'(?=\s*(?:[)\],;]|$))",
    re.MULTILINE,
)
_TO_SAY = re.compile(
    r"(?m)(?:^|[.!?;] |\byou (?:can|could|may|might) |\bto |\bjust |\bthen |\bplease )"
    r"(?:say|reply|respond|write|answer|tell \w+)\b[^.!?:\n]{0,40}: \S[^\n]*"
    r"|\b(?:said|says|replied|answered|wrote|writes|whispered|shouted|cried|muttered"
    r"|told \w+): \S[^\n]*"
)
_SALUTATION = re.compile(r"(?m)^(?:subject: [^\n]+|dear [^\n]{1,60},?)$")
_TURN = re.compile(r"(?m)^([^\W\d][\w .'-]{0,24}): +\S.*$")
_LABELS = re.compile(
    r"(?:note|warning|important|caution|disclaimer|answer|response|summary|assistant|ai"
    r"|tip|step|example|pros|cons)\b"
)
_COMPOSED = re.compile(
    r"\b(?:write|draft|compose|create|generate|continue|make|give|need)\b[^.?!]{0,40}\b(?:poem|song"
    r"|lyrics|verse|rhyme|haiku|limerick|sonnet|story|tale|scene|dialogue|play|script|monologue"
    r"|speech"
    r"|letter|e-?mail|mail|message|reply|note|diary|text)\b"
    r"|\b(?:translate|rephrase|paraphrase|rewrite|proofread|how do (?:you|i) say)\b"
)


def own_words(answer: str, asked: str = "") -> str:
    """A plain text without what others say in it: a character or a letter refuses, not the answer.

    asked: the prompt, plain. A text that is one quotation from end to end stays whole.
    """
    left = _SPEECH.sub('""', answer)
    left = _TO_SAY.sub("", left if re.search(r"\w", left) else answer)
    turns = [m for m in _TURN.finditer(left) if not _LABELS.match(m[1])]
    if len({turn[1] for turn in turns}) > 1:
        left = _TURN.sub(lambda m: m[0] if _LABELS.match(m[1]) else "", left)
    if asked and not _COMPOSED.search(asked):
        return left
    salutation = _SALUTATION.search(left)
    if salutation:
        left = left[: salutation.start()]
    if asked:
        left = "\n\n".join(b for b in re.split(r"\n\s*\n", left) if not _is_verse(b.splitlines()))
    return "" if _REWORDED.match(asked) and not _ABOUT_WORDING.search(left) else left


def _is_verse(lines: list[str]) -> bool:
    """Whether lines are verses: most end in no full stop."""
    short = [line for line in lines if len(line) <= 70 and not ITEM.match(line)]
    open_ends = [line for line in short if not re.search(r"[.!?:]$", line.strip())]
    verses = len(short) == len(lines) > 1 and len(open_ends) >= len(lines) / 2
    return verses and not _APOLOGY.match(lines[0])


_REWORDED = re.compile(
    r"(?:please |can you |could you )*(?:translate|rephrase|paraphrase|rewrite|proofread"
    r"|how do (?:you|i) say)\b"
)
_ABOUT_WORDING = re.compile(
    r"\b(?:translat|rephras|paraphras|rewrit|help|assist|provid|request|sorry|apolog|comply|refuse)"
)
_APOLOGY = re.compile(
    r"(?:i'?m |i am )?(?:very |so )?(?:sorry|afraid|unfortunately|apolog|as an ai)"
)


_COMMON = """
    about after anyone because been being best better could describe does doing down ever every
    explain find from give good have help into just like made make many more most much need never
    only other people person please should some someone something tell than that their them then
    there these they thing things this those want ways were what when where which while will with
    without work would write your
    """
_COMMON_WORDS = frozenset(_COMMON.split())


def topic(text: str) -> frozenset[str]:
    """The beginnings of the words that say what a text is about."""
    words = re.findall(r"[^\W\d_]{4,}", plain(text))
    return frozenset(word[:5].removesuffix("s") for word in words if word not in _COMMON_WORDS)


def quote(sentence: str) -> str:
    """A sentence as it is shown in a reason, cut where it is long."""
    shown = " ".join(sentence.split())
    return f'"{shown[:117]}…"' if len(shown) > 118 else f'"{shown}"'
