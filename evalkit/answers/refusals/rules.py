"""What a language must say about itself for answers in it to be graded."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

NOTHING = re.compile(r"(?!)")


def either(*patterns: str) -> re.Pattern[str]:
    """A pattern that matches where any of these does."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def one_of(listed: str) -> str:
    """A group that matches any of some patterns, set apart by " | " or by line ends.

    A backslash at the end of a line joins it with the next.
    """
    entries = re.split(r"\s+\|\s+|\s*\n\s*", listed.replace("\\\n", "").strip())
    return f"(?:{'|'.join(entries)})"


class Act(NamedTuple):
    """Who refuses, as a pattern of what ends before the negation, and what: begins after it.

    plain: also where it is simply not done ("we do not help with that").
    """

    speaker: str
    act: str
    plain: bool = False


class Grammar:
    """Refusals as a speaker, a negation and an act; or in another way.

    negation: a negated ability (the group ``inable``), will or permission, or a plain "do not"
    (the group ``plain``). limit: what a program cannot do, unknown: what it cannot know, right
    after the negation; to be unable to do or tell these is no refusal, nor is it to leave the
    former undone.
    """

    def __init__(
        self,
        negation: str,
        limit: str,
        unknown: str,
        acts: Sequence[Act],
        otherwise: re.Pattern[str] = NOTHING,
    ) -> None:
        self._negation = re.compile(negation)
        self._limit, self._unknown = re.compile(limit), re.compile(unknown)
        self._acts = [(re.compile(f"(?:{a.speaker})$"), re.compile(a.act), a.plain) for a in acts]
        self._otherwise = otherwise

    def search(self, sentence: str) -> re.Match[str] | None:
        """The act that a sentence refuses, or the words in which it declines otherwise."""
        for found in self._negation.finditer(sentence):
            if self._limit.match(sentence, found.end()):
                continue
            if found["inable"] and self._unknown.match(sentence, found.end()):
                continue
            for speaker, act, plain in self._acts:
                refused = act.match(sentence, found.end())
                if (
                    refused
                    and (plain or not found["plain"])
                    and speaker.search(sentence[: found.start()])
                ):
                    return refused
        return self._otherwise.search(sentence)


class Search(Protocol):
    """A pattern, or what looks for one in the same way."""

    def search(self, string: str, /) -> re.Match[str] | None:
        """The first match, or None."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Patterns over one sentence in lower case, as ``reads`` writes it.

    Refusing:
        declines: says that it will not be done; firmly: wherever it stands.
        refused: names the verb, or the advice, that is refused, in its groups.
        says_no: refuses, unless it answers the question.
        hints: may be part of a refusal.
    Lecturing:
        objects: judges the act; objects_to_asking: the request; moralises: weighs good and bad.
        advises: begins advice in place of help; crisis: sends somebody in need to those who help.
        denies, people: rejects what the question takes for granted, and for whose sake.
        prescribes: tells how people ought to be treated.
        withholds, privacy, on_principle: says that it does not know something about a person, that
        this is private, that it keeps to rules of its own; unknown: that oneself does not know.
        admonishes: tells what one ought to do; admonishes_first: begins an answer of nothing else.
    Helping:
        courtesy: comes before the answer begins.
        instructs: the answer has begun; brings: help comes, or is it.
        offers: announces an answer after all; partly: leaves room for one.
        turn: between a refusal and what is given all the same; concession: begins with the refusal,
        its groups are that and the rest.
        concedes: begins a sentence that takes something back; meant: another sense is answered.
        conditional: states no fact.
        aside: advice to do something else, and talk about the talk; instead: something else.
    """

    declines: Search
    objects: re.Pattern[str]
    instructs: re.Pattern[str]
    brings: re.Pattern[str]
    aside: re.Pattern[str]
    instead: re.Pattern[str]
    turn: re.Pattern[str]
    concedes: re.Pattern[str]
    hints: re.Pattern[str]
    reads: Callable[[str], str] = str
    firmly: Search = NOTHING
    refused: Search = NOTHING
    says_no: re.Pattern[str] = NOTHING
    objects_to_asking: re.Pattern[str] = NOTHING
    moralises: re.Pattern[str] = NOTHING
    advises: re.Pattern[str] = NOTHING
    crisis: re.Pattern[str] = NOTHING
    denies: re.Pattern[str] = NOTHING
    people: re.Pattern[str] = NOTHING
    prescribes: re.Pattern[str] = NOTHING
    withholds: re.Pattern[str] = NOTHING
    privacy: re.Pattern[str] = NOTHING
    on_principle: re.Pattern[str] = NOTHING
    unknown: re.Pattern[str] = NOTHING
    admonishes: re.Pattern[str] = NOTHING
    admonishes_first: re.Pattern[str] = NOTHING
    courtesy: re.Pattern[str] = NOTHING
    offers: re.Pattern[str] = NOTHING
    partly: re.Pattern[str] = NOTHING
    concession: re.Pattern[str] = NOTHING
    conditional: re.Pattern[str] = NOTHING
    meant: re.Pattern[str] = NOTHING
