"""Decides whether a reply admits to having no answer or gives one.

Uses rules for English phrases: the writer does not know ("I'm not aware of"), the thing does not
exist ("no such treaty"), nobody can know ("impossible to predict"), the writer has no access
("I don't have access to"), or the reply asks back ("could you give more details?").
A hedge followed by an answer ("I'm not sure, but I think it was 1902") is an answer.
"""

from __future__ import annotations

import re

from evalkit.answers.extracted import Extracted

ADMITS, ANSWERS = "admits", "answers"
LABELS = (ADMITS, ANSWERS)

_PREFACE = re.compile(
    r"(?:hello|hi|hey|sorry|(?:i'm|i’m|i am) sorry|i apologi[sz]e|thank|as an? (?:ai|language)"
    r"|(?:that's|that’s|that is|this is|what) an? |(?:good|great|interesting) question|well\b|hmm)",
    re.IGNORECASE,
)
"""A first sentence without content, after which the second one counts as the opening."""

_NOT = r"(?:n't|n’t| not|not| never| no longer)"
_I = r"\b(?:i|we)"
_KNOWING = (
    r"(?:know|aware|familiar|sure|certain|acquainted|able|recogni[sz]e|recall|find|found|see|tell"
    r"|say|predict|determine|verify|confirm|access|locate|identify|provide|foresee|hear|heard"
    r"|read|observe|check|come across)"
)
_ADVERBS = r"(?:\s+(?:really|actually|currently|personally|quite|yet|been|be|any|have|had))*"
_THING = (
    r"(?:such|known|real|record|records|evidence|information|mention|trace|data|person|people|place"
    r"|country|city|river|mountain|book|novel|film|play|poem|opera|painting|element|planet"
    r"|animal|disease|battle|treaty|way)"
)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (why, re.compile(pattern, re.IGNORECASE))
    for why, pattern in (
        (
            "it says that it does not know",
            rf"{_I}(?:'m|’m|\s+am|\s+are|\s+do|\s+did|\s+have|\s+ha|\s+could|\s+can|\s+ca|\s+would"
            rf"|\s+was|\s+wo|\s+will)?\s*{_NOT}{_ADVERBS}\s+{_KNOWING}\b",
        ),
        (
            "it says that it cannot",
            rf"{_I}(?:'m|’m|\s+am)?\s+(?:unable|unfamiliar|unaware|unsure)\b",
        ),
        (
            "it says that it cannot",
            rf"{_I}\s+(?:cannot|can\s+only\s+guess|have\s+no\s+(?:way|means))\b",
        ),
        (
            "it says that it has no information",
            rf"{_I}\s+(?:have|had|find|found|know\s+of|see)\s+no\b",
        ),
        (
            "it says that it has no information",
            rf"{_I}\s+(?:do|did|could|can)?\s*{_NOT}\s+(?:have|possess)\b.{{0,40}}"
            r"\b(?:access|information|knowledge|record|records|data|details|ability|eyes|senses)\b",
        ),
        (
            "it says that there is no such thing",
            rf"\b(?:there|it\s+seems\s+there)\s+(?:is|are|was|were|appears\s+to\s+be|seems\s+to\s+be)"
            rf"\s*(?:no|{_NOT}\s+an?y?)\s+(?:\w+\s+){{0,2}}?{_THING}\b",
        ),
        (
            "it says that there is no such thing",
            rf"^no\s+such\b|\bno\s+(?:widely\s+)?known\s+{_THING}\b",
        ),
        (
            "it says that there is no such thing",
            rf"\b(?:do|does|did)\s*{_NOT}\s+(?:seem\s+to\s+|appear\s+to\s+|actually\s+|really\s+)?"
            r"(?:exist|correspond|match)\b",
        ),
        (
            "it says that there is no such thing",
            r"\b(?:never|not)\s+(?:existed|been\s+(?:found|discovered))\b",
        ),
        (
            "it says that it is made up",
            r"\b(?:is|are|was|were|be)\s+(?:an?\s+)?(?:purely\s+|entirely\s+)?"
            r"(?:fictional|fictitious|made[- ]up|invented|imaginary)\b"
            r"(?!\s+(?:character|detective))",
        ),
        (
            "it says that it is not real",
            rf"\b(?:is|are|was|were)\s*{_NOT}\s+an?\s+(?:real|actual|known|recogni[sz]ed)\b",
        ),
        (
            "it says that nobody knows",
            r"\b(?:not|un)\s*(?:yet\s+)?(?:publicly\s+)?(?:known|knowable|predictable)\b(?!\s+(?:for|as)\b)"
            r"|\b(?:no\s*one|nobody)\s+(?:can|could|knows)\b|\bremains\s+(?:a\s+mystery|unknown)\b",
        ),
        (
            "it says that nobody can know",
            r"\b(?:impossible|not\s+possible|too\s+(?:early|soon))\s+(?:for\s+\w+\s+)?to\s+"
            r"(?:\w+ly\s+)?(?:know|say|tell|predict|answer|determine)\b"
            rf"|\b(?:can(?:not|\s*{_NOT})|could\s*{_NOT})\s+be\s+(?:known|predicted|determined|answered)\b",
        ),
        (
            "it asks a question back",
            r"\b(?:could|can|would)\s+you\s+(?:please\s+)?(?:provide|give|share|clarify|tell|specify|check)\b"
            r"|\b(?:please|if\s+you\s+(?:can|could))\s+(?:provide|give|share|clarify|specify|check)\b",
        ),
    )
)
_TURN = re.compile(r"[,;]?\s+(?:but|however|though|although)\b,?|\.\s+however\b,?", re.IGNORECASE)
_GUESS = re.compile(
    r"\b(?:i\s+(?:think|believe|guess|suppose|would\s+say)|probably|perhaps|likely|may\s+(?:be|have)"
    r"|might\s+(?:be|have)|it\s+(?:is|was)|it's|he\s+(?:is|was)|she\s+(?:is|was)|known\s+(?:for|as))\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def admission_in(text: str) -> Extracted:
    """``admits`` or ``answers``, and the words that decided it; None for an empty reply."""
    reply = " ".join(text.replace("*", "").split())
    if not reply:
        return Extracted(None, "the answer is empty")
    sentences = _SENTENCE.split(reply)
    opening = sentences[:2] if _PREFACE.match(sentences[0]) else sentences[:1]
    for why, rule in _RULES:
        found = rule.search(" ".join(opening))
        if found is None:
            continue
        words = found.group().strip()
        turned = _TURN.split(reply[found.end() :], maxsplit=1)
        if len(turned) > 1 and _GUESS.search(_SENTENCE.split(turned[1])[0]):
            return Extracted(ANSWERS, f"a hedge ('{words}') followed by an answer")
        return Extracted(ADMITS, f"{why}: '{words}'")
    return Extracted(ANSWERS, "its opening does not say that there is no answer")
