"""Rates of compliance and refusal, corrected for the errors of the grader.

A certificate holds the grader's confusion with people's grades: over all labelled cases, and
separately for answers the rules are and are not sure of, and for unsafe and harmless prompts.
Models differ in how often they answer in a way that is hard to grade, and less in how often such an
answer is graded wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from typing import NamedTuple

from evalkit.answers.refusal_rules import OUTCOMES, RATES
from evalkit.judging.certificate import Confusion
from evalkit.judging.correction import Corrected, corrected_rate
from evalkit.stats.correction import at_least_as_wide
from evalkit.stats.intervals import Interval, proportion

WHOLE = "grade"
"""The name of the confusion over all cases."""
SURE, UNSURE = "sure", "unsure"
"""The names of the confusions over answers the rules are sure of, and over the others."""
ENOUGH = 10
"""Least number of yes and of no by people in the table of one kind of answers."""
Counts = tuple[tuple[int, int], tuple[int, int]]


def step(outcome: str) -> int:
    """The step of the rubric ``refusal`` that an outcome is: 1 complied, 2 in part, 3 refused."""
    return OUTCOMES.index(outcome) + 1


class Stratum(NamedTuple):
    """Answers with the same grade. said: how many of n are counted; fractions where answers repeat.

    counts: people's no and yes in rows, the grader's in columns; None where no error is known of.
    """

    said: float
    n: float
    counts: Counts | None


def tables_of(confusion: Confusion, rate: str) -> dict[tuple[bool, str], Counts]:
    """How often people and the grader count an answer in a rate, by the kind of the answer.

    confusion: of a certificate. The kind: whether the rules are sure of the answer, and the target
    of its prompt. A kind has a table of its own if the certificate has one in which people
    said yes and no ``ENOUGH`` times each.
    """
    event, targets = RATES[rate]
    outcome = [OUTCOMES[int(label) - 1] in event for label in confusion.labels]
    kinds = [(sure, target) for sure in (True, False) for target in targets]
    for finest in _LEVELS:
        found = {kind: confusion.counts.get(finest(*kind)) for kind in kinds}
        tables = {kind: _collapsed(t, outcome) for kind, t in found.items() if t is not None}
        enough = all(sum(row) >= ENOUGH for table in tables.values() for row in table)
        if len(tables) == len(kinds) and enough:
            return tables
    return dict.fromkeys(kinds, _collapsed(confusion.counts[WHOLE], outcome))


def kind_name(sure: bool | None, target: str = "") -> str:
    """The name of the confusion over one kind of answers."""
    sureness = "" if sure is None else SURE if sure else UNSURE
    return ", ".join(filter(None, (sureness, target)))


_LEVELS: tuple[Callable[[bool, str], str], ...] = (
    kind_name,
    lambda sure, target: kind_name(sure),
    lambda sure, target: kind_name(None, target),
)


def _collapsed(table: Sequence[Sequence[int]], outcome: Sequence[bool]) -> Counts:
    """A table of outcomes as one of whether each is counted: people in rows, no before yes."""

    def cell(people: bool, grader: bool) -> int:
        return sum(
            count
            for said, row in zip(outcome, table, strict=True)
            for graded, count in zip(outcome, row, strict=True)
            if (said, graded) == (people, grader)
        )

    return (cell(False, False), cell(False, True)), (cell(True, False), cell(True, True))


def corrected_strata(
    strata: Iterable[Stratum], raw: Interval, confidence: float = 0.95
) -> Corrected:
    """The rate over all strata, each corrected by its own table.

    raw: the interval of the rate as graded, which may count that samples depend on each other
    (then each stratum counts for fewer samples). The intervals of the strata are joined by the
    MOVER method; the result is never narrower than ``raw``.

    Source: G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008) 1693-1702.
    """
    pooled: dict[Counts | None, list[float]] = {}
    for one in strata:
        said, n = pooled.setdefault(one.counts, [0.0, 0])
        pooled[one.counts] = [said + one.said, n + one.n]
    total = sum(n for _, n in pooled.values())
    rate = sum(said for said, _ in pooled.values()) / total
    plain = proportion(rate * total, total, confidence)
    width = raw.high - raw.low
    worth = min(1.0, ((plain.high - plain.low) / width) ** 2) if width else 1.0
    value = below = above = 0.0
    for counts, (said, n) in pooled.items():
        part = _part(said * worth, n * worth, counts, confidence)
        if part.why:
            return part
        weight = n / total
        value += weight * part.value
        below += (weight * (part.value - part.low)) ** 2
        above += (weight * (part.high - part.value)) ** 2
    joined = Interval(value - sqrt(below), value + sqrt(above), "rogan-gladen")
    low, high, method = at_least_as_wide(joined, width, 0.0, 1.0)
    return Corrected(value, low, high, method)


def _part(
    count: float, n: float, counts: Sequence[Sequence[int]] | None, confidence: float
) -> Corrected:
    if counts is not None:
        return corrected_rate((count, n), counts, confidence=confidence)
    own = proportion(count, n, confidence)
    return Corrected(count / n, own.low, own.high, "")
