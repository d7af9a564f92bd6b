"""The one choice of a multiple-choice question that a text names, by letter or by its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from evalkit.answers import labels, negation
from evalkit.answers.taken import Taken

_BARE = re.compile(r"[\W_]*([A-Za-z])[\W_]*")
# A letter that can only be meant as a choice: "B)", "(B)", "**B**", "B:", "B." at the start of
# a line, "option B", "the answer is B", "Answer: B". An A before a word is the article.
_MARKED = re.compile(
    r"""
      (?<![^\W_])(?P<bracket>[A-Z])(?=\s?[)\]])
    | (?<![^\W_'’.])(?P<colon>[A-Z])(?=:)
    | ["'`“‘«*](?P<quoted>[A-Z])(?=["'`”’»*])
    | ^[ \t>*_#-]*(?P<start>[A-Z])(?=[.*_]*(?:[ \t]+[-–—][ \t]|[ \t]*$|\.[ \t*_]))
    | (?i:(?<![^\W_])(?:option|choice|letter)s?[ \t]*:?[ \t]*)["'`*(\[]*
        (?P<option>[A-Z](?![^\W_])|[a-z](?=["'`*)\]]*(?:[.,;:!?]|\s*$)))
    | (?<![^\W_'’.-])(?P<listed>[A-Z])(?=[ \t]*(?:,|/|&|or|and)[ \t]*["'`*(\[]*[A-Z](?![^\W_]))
    | (?i:(?<![^\W_])(?:answer|choose|chose|pick|select|correct|be|it's|is)
        (?:[ \t]+(?:is|was|would[ \t]+be|one[ \t]+is))?[ \t]*[:=]?\s*)
        ["'`*(\[]*(?P<cued>[A-Z])(?=["'`*)\]]*(?:[.,;:!?]|\s*$|\s+(?:because|since|as|and|or|-)))
    | (?<![^\W_'’.-])(?P<subject>[A-Z])(?=[ \t]+(?:is|isn't|isn’t|would|because|since)(?![^\W_]))
    """,
    re.VERBOSE | re.MULTILINE,
)
# Any other capital on its own, but for the words A and I and names like "Vitamin C".
_LONE = re.compile(
    r"(?<![\w'’.&/-])(?<!\w[ \t])([B-HJ-Z])(?![\w'’&/-])|(?<![\w'’.&/-])([B-HJ-Z])(?=[.!?]?[\s]*$)"
)
_NAMED = re.compile(
    r"(?i:vitamin|hepatitis|influenza|plan|type|class|grade|group|factor|point|figure|part|section"
    r"|appendix|protein|program|programme|model|team|series|level)\s$"
)


def match(text: str, choices: Sequence[str]) -> Taken:
    """The choice that a text names; the prediction is the choice's text.

    choices: their texts, in order; the first is A. None when no choice is named, several are,
    one is denied, or letter and text disagree.
    """
    letters = ascii_uppercase[: len(choices)]
    texts = {letter: (choice,) for letter, choice in zip(letters, choices, strict=False)}
    answer = labels.match(text, texts)
    if answer.prediction and answer.how.startswith("the answer is"):
        chosen = choices[letters.index(answer.prediction)]
        return Taken(chosen, f"the answer is the choice '{chosen}'")
    bare = _BARE.fullmatch(text.strip())
    if bare:
        return _of_letter(bare[1].upper(), choices, f"the answer is the letter {bare[1].upper()}")
    said, denied = _letters(text)
    if denied:
        return Taken(None, f'a choice is denied: "{denied}"')
    if len(said) > 1:
        return Taken(None, f"several choices are named: {', '.join(said)}")
    found = labels.mentions(text, texts)
    named = list(dict.fromkeys(m.label for m in found))
    if said:
        (letter,) = said
        if letter in letters and named and letter not in named:
            listed = ", ".join(f"'{choices[letters.index(n)]}'" for n in named)
            return Taken(None, f"the letter {letter} and the text {listed} disagree")
        return _of_letter(letter, choices, f"the only letter named is {letter}")
    if not named:
        return Taken(None, "no choice is named, neither by its letter nor by its text")
    if len(named) > 1:
        return Taken(None, f"the texts of several choices are mentioned: {', '.join(named)}")
    first_denied = next((m.denied for m in found if m.denied), "")
    if first_denied:
        return Taken(None, f'the choice is denied: "{first_denied}"')
    chosen = choices[letters.index(named[0])]
    return Taken(chosen, f"the only choice mentioned is '{chosen}'")


def _letters(text: str) -> tuple[list[str], str]:
    """The letters named, in order, and the words that deny one of them, if any do."""
    found: dict[str, None] = {}
    lowered = negation.plain(text.lower()) if len(text.lower()) == len(text) else ""
    spans = [(m[m.lastgroup or 0].upper(), m.end()) for m in _MARKED.finditer(text)]
    spans += [
        (m[1] or m[2], m.end())
        for m in _LONE.finditer(text)
        if not _NAMED.search(text[max(0, m.end() - 20) : m.end() - 1])
    ]
    for letter, end in spans:
        denied = negation.denial(lowered, end - 1, end) if lowered else ""
        if denied:
            return [], denied
        found[letter] = None
    return list(found), ""


def _of_letter(letter: str, choices: Sequence[str], how: str) -> Taken:
    place = ascii_uppercase.index(letter)
    if place >= len(choices):
        last = ascii_uppercase[len(choices) - 1]
        return Taken(None, f"{how}, which is none of A to {last}")
    return Taken(choices[place], f"{how}: '{choices[place]}'")
