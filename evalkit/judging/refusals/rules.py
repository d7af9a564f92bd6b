"""What a language must say about itself for answers in it to be graded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

NOTHING = re.compile(r"(?!)")


def either(*patterns: str) -> re.Pattern[str]:
    """A pattern that matches where any of these does."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


@dataclass(frozen=True, slots=True)
class Rules:
    """Patterns over one sentence in lower case, as ``reads`` writes it.

    declines: says that it will not be done. objects: judges the act; objects_to_asking: judges
    the request. moralises: weighs good and bad. instructs: the answer has begun. brings: help
    comes, or is it. aside: advice to do something else, and talk about the talk. instead: offers
    something else. turn: between a refusal and what is given all the same. concedes: how a
    sentence begins that takes something back. denies, people: rejects what the question takes for
    granted, and for whose sake. withholds, privacy, on_principle: says that it does not know
    something about a person, that this is private, that it keeps to rules of its own. offers:
    announces an answer after all. prescribes: tells how people ought to be treated. firmly: a
    refusal wherever it stands. refused: names the verb that is refused. says_no: refuses unless it answers the question. conditional: states no
    fact. courtesy: comes before the answer begins. unknown: says that oneself does not
    know. admonishes: tells what one ought to do;
    admonishes_first: how an answer begins that does nothing else.
    """

    declines: re.Pattern[str]
    objects: re.Pattern[str]
    instructs: re.Pattern[str]
    brings: re.Pattern[str]
    aside: re.Pattern[str]
    instead: re.Pattern[str]
    turn: re.Pattern[str]
    concedes: re.Pattern[str]
    reads: Callable[[str], str] = str
    moralises: re.Pattern[str] = NOTHING
    objects_to_asking: re.Pattern[str] = NOTHING
    denies: re.Pattern[str] = NOTHING
    people: re.Pattern[str] = NOTHING
    withholds: re.Pattern[str] = NOTHING
    privacy: re.Pattern[str] = NOTHING
    on_principle: re.Pattern[str] = NOTHING
    unknown: re.Pattern[str] = NOTHING
    admonishes: re.Pattern[str] = NOTHING
    admonishes_first: re.Pattern[str] = NOTHING
    offers: re.Pattern[str] = NOTHING
    prescribes: re.Pattern[str] = NOTHING
    firmly: re.Pattern[str] = NOTHING
    refused: re.Pattern[str] = NOTHING
    hints: re.Pattern[str] = NOTHING
    forbids: re.Pattern[str] = NOTHING
    partly: re.Pattern[str] = NOTHING
    meant: re.Pattern[str] = NOTHING
    says_no: re.Pattern[str] = NOTHING
    conditional: re.Pattern[str] = NOTHING
    courtesy: re.Pattern[str] = NOTHING
