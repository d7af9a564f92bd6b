"""Finds the one choice of a multiple-choice question that a text names, by its letter or text.

Letters are those that prompts show: A … Z, then AA, AB … (``LETTERS``). A lower-case letter
counts only where it is unambiguous: alone, in brackets, as "b)" at the beginning of a line, or
after words such as "the answer is".
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache

from evalkit.answers import labels, negation
from evalkit.answers.extracted import Extracted
from evalkit.answers.labels import Mention
from evalkit.written.forms import LETTER, straight

LETTERS: tuple[str, ...] = (
    *string.ascii_uppercase,
    *(first + second for first in string.ascii_uppercase for second in string.ascii_uppercase),
)
"""The letters of choices: A … Z, then AA, AB …"""

# Pieces of regular expressions, read as verbose ones. K stands for a letter as prompts show it, k
# for the same or a small one, LETTER for any letter.
_NOUN = r"(?:answers?|ans|options?|choices?|letters?|selection|solution|答案|选项|正解|答え|정답)"
_CUE = rf"""(?:{_NOUN}|choose|chose|choosing|chosen|pick(?:s|ed|ing)?|select(?:s|ed|ing)?
    |correct|right|选择?|選択肢?)"""
_WEAK_CUE = r"(?:be|it's|is|was|so|thus|hence|therefore|with|for|是|为)"
_FILLED = rf"""(?:\s*(?:is|was|be|would\ be|must\ be|should\ be|has\ to\ be|one|number|indeed
    |clearly|therefore|thus|to\ (?:the|this|your)\ question|{_NOUN})(?!LETTER)
    |\s*[是为は은는]){{0,5}}"""
# What may stand between such words and a letter ("Answer: **(B", "\boxed{\text{B"), and behind it.
_OPENED = r"""\s*(?:[:=–—>-]\s*)?
    (?:["'`“‘«*_(\[{$<]|\\(?:boxed|text(?:bf)?|mathrm|mathbf)|\\\(|\w{1,12}>){0,8}\s?"""
_CLOSED = r"""["'`”’»*_)\]}$]*"""
_ENDED = rf"""(?={_CLOSED}(?:[.,;:!?<。，；、！\u2e80-\ud7ff]|\\|\s*$|\s*\n
    |\s+(?:because|since|as|and|or|-|–|—|\()))"""
_LISTED = r"""[ \t]*(?:,|/|&|,?[ \t]*(?:or|and|nor)(?!LETTER))[ \t]*(?:(?:or|and|nor)[ \t]+)?
    ["'`*(\[]*(?!I[ \t]+[a-z])"""
_STATEMENTS = (
    rf"(?i:(?<!LETTER){_CUE}){_FILLED}{_OPENED}(?P<key>k){_ENDED}",
    rf"(?i:(?<!LETTER){_WEAK_CUE}){_FILLED}{_OPENED}(?P<key>K){_ENDED}",
    r"(?P<key>k)(?=[ \t]+is[ \t]+(?:the[ \t]+)?(?:correct|right|best|answer)(?!LETTER))",
    r"^[ \t>*_#(-]*(?P<key>K)(?=[.)*_]*[ \t]*$)",
)
"""Where a letter is said to be the answer."""
_PLACES = (
    r"""["'`“‘«*{](?P<key>K)["'`”’»*}]""",
    r"(?P<key>K)(?=\s?[)\]])",
    r"(?<!LETTER)[(\[](?P<key>k)[)\]]",
    r"(?P<key>K)(?=[:?])",
    r"^[ \t>*_#-]*(?P<key>K)(?=[.*_]*(?:[ \t]+[-–—][ \t]|\.[ \t*_]))",
    r"^[ \t>*_#-]*(?P<key>k)(?=[*_]*(?:\)|\.[ \t]+\S|:))",
    rf"(?i:(?<!LETTER){_NOUN}){_OPENED}(?P<key>K)",
    rf"(?P<key>K)(?={_CLOSED}{_LISTED}K)",
    rf"(?:(?<=(?<!LETTER)[A-Z])|(?<=(?<!LETTER)[A-Z][A-Z])){_CLOSED}{_LISTED}(?P<key>K)",
    r"""(?!I[ \t]+[cws])(?P<key>K)
        (?=[ \t]+(?:is|are|isn't|would|because|since|can|cannot|can't|seems)(?!LETTER))""",
)
"""Where else a letter is named."""
# Any other capital on its own, but for the words A and I and names like "Vitamin C".
_LONE = re.compile(
    r"(?<![\w'’.&/-])(?<!\w[ \t])([B-HJ-Z])(?![\w'’&/-])"
    r"|(?<![\w'’.&/-])([B-HJ-Z])(?=[.!?]?\s*$)"
)
_GOES_ON = re.compile(r"(?:^|\b(?:or|and|nor|not|option|choice|answer|letter|is|be)\b)\s*$")
_SENTENCE_ENDS = re.compile(r"[.!?;](?:\s|$)|\n")
_NAMED = re.compile(
    r"(?i:vitamin|hepatitis|influenza|plan|type|class|grade|group|factor|point|figure|part|section"
    r"|appendix|protein|program|programme|model|team|series|level)\s$"
)


def match(text: str, choices: Sequence[str]) -> Extracted:
    """The choice that a text names; the prediction is the choice's text.

    choices: their texts, in order; the first is A. None if no choice is named, if several are named
    (other than denied ones, and unless the text concludes with one: "So the answer is B."), if all
    are denied, or if letter and text disagree.
    """
    letters = LETTERS[: len(choices)]
    texts = {letter: (choice,) for letter, choice in zip(letters, choices, strict=True)}
    answer = labels.match(text, texts)
    if answer.prediction and answer.explanation.startswith("the answer is"):
        chosen = choices[letters.index(answer.prediction)]
        return Extracted(chosen, f"the answer is the choice '{chosen}'")
    plain = straight(unicodedata.normalize("NFKC", text))
    bare = re.fullmatch(r"[\W_]*([A-Za-z]{1,2})[\W_]*", plain.strip())
    if bare and (len(bare[1]) == 1 or bare[1].upper() in letters):
        return _of_letter(bare[1].upper(), choices, f"the answer is the letter {bare[1].upper()}")
    letters_named, stated = _letters(plain, len(choices))
    if letters_named:
        settled = _settled(plain, letters_named, stated)
        return _by_letter(settled, labels.mentions(text, texts), choices)
    named = labels.settled(labels.mentions(text, texts), "choice")
    if named.prediction is None:
        none = "no choice is named, neither by its letter nor by its text"
        return Extracted(None, none if named.explanation.startswith("no ") else named.explanation)
    chosen = choices[letters.index(named.prediction)]
    return Extracted(chosen, f"{named.explanation}: '{chosen}'")


def _settled(text: str, letters: Sequence[Mention], stated: Set[int]) -> Extracted:
    """The one intended letter: the only one, or the one that the text concludes with."""
    affirmed = [m for m in letters if not m.denied]
    answers = [m for m in affirmed if m.start in stated]
    if len({m.label for m in affirmed}) > 1 and len({m.label for m in answers}) == 1:
        letter, last = answers[0].label, answers[-1]
        others = [m for m in affirmed if m.label != letter]
        concluded = all(_SENTENCE_ENDS.search(text[m.end : last.start]) for m in others)
        if concluded and letter not in {m.label for m in letters if m.denied}:
            return Extracted(letter, f"the last choice stated as the answer is '{letter}'")
    return labels.settled(letters, "choice")


def _by_letter(settled: Extracted, named: Sequence[Mention], choices: Sequence[str]) -> Extracted:
    """The choice of that letter, unless the text mentions only other choices."""
    letter = settled.prediction
    if letter is None:
        return settled
    affirmed = list(dict.fromkeys(m.label for m in named if not m.denied))
    if letter in LETTERS[: len(choices)] and affirmed and letter not in affirmed:
        listed = ", ".join(f"'{choices[LETTERS.index(n)]}'" for n in affirmed)
        return Extracted(None, f"the letter {letter} and the text {listed} disagree")
    return _of_letter(letter, choices, settled.explanation)


def _letters(text: str, count: int) -> tuple[list[Mention], Set[int]]:
    """The letters that a text names, in order, with what denies them; and where those stand that
    are said to be the answer."""
    shown = LETTERS[:count]
    spans = {span[1]: span for span in _placed(text, _STATEMENTS, count)}
    stated = frozenset(spans)
    spans |= {span[1]: span for span in _placed(text, _PLACES, count)}
    for lone in _LONE.finditer(text):
        place = 1 if lone[1] else 2
        if lone[place] in shown:
            spans.setdefault(lone.start(place), (lone[place], *lone.span(place)))
    spans = {
        at: span for at, span in spans.items() if not _NAMED.search(text[max(0, at - 20) : at])
    }
    lowered = negation.plain("".join(c.lower() if len(c.lower()) == 1 else c for c in text))
    return labels.found_at(lowered, [spans[start] for start in sorted(spans)]), stated


def _inside(text: str, start: int, end: int) -> bool:
    """Whether a letter before a closing bracket only ends what is in brackets: (see exhibit C)."""
    if text[end : end + 1] != ")" or not text[start - 1 : start].isspace():
        return False
    inside = text[max(0, start - 80) : start].rpartition("(")[2]
    return ")" not in inside and not _GOES_ON.search(inside)


def _placed(text: str, places: tuple[str, ...], count: int) -> Iterator[tuple[str, int, int]]:
    """The letters at some places, with where they stand; small ones only if they are shown."""
    for pattern in _compiled(places, 2 if count > 26 else 1):
        for found in pattern.finditer(text):
            letter, (start, end) = found["key"].upper(), found.span("key")
            known = found["key"].isupper() or letter in LETTERS[:count]
            if known and not _inside(text, start, end):
                yield letter, start, end


@lru_cache(maxsize=4)
def _compiled(places: tuple[str, ...], longest: int) -> tuple[re.Pattern[str], ...]:
    """The places where letters of at most so many signs are named."""
    upper = rf"(?<!{LETTER})[A-Z]{{1,{longest}}}(?!{LETTER})"
    either = rf"(?<!{LETTER})(?:[A-Z]{{1,{longest}}}|[a-z]{{1,{longest}}})(?!{LETTER})"
    patterns = (
        place.replace("LETTER", LETTER)
        .replace("<key>K)", f"<key>{upper})")
        .replace("<key>k)", f"<key>{either})")
        .replace("K)", f"{upper})")
        for place in places
    )
    return tuple(re.compile(pattern, re.MULTILINE | re.VERBOSE) for pattern in patterns)


def _of_letter(letter: str, choices: Sequence[str], how: str) -> Extracted:
    if letter not in LETTERS[: len(choices)]:
        return Extracted(None, f"{how}, which is not one of A to {LETTERS[len(choices) - 1]}")
    chosen = choices[LETTERS.index(letter)]
    return Extracted(chosen, f"{how}: '{chosen}'")
