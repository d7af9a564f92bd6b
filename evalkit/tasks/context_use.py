"""Does an answer use its passages? Each question is asked again without them, and with new facts.

A row becomes three samples: with the passages as they are (``given``), without those that hold the
answer (``removed``), and with the fact in them changed (``changed``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evalkit.answers import claims
from evalkit.answers.facts import says
from evalkit.passages import Passage, passages_of
from evalkit.tasks._metrics import READ
from evalkit.tasks._retrieval import CONTEXTS, RELEVANT, relevant_of
from evalkit.tasks._task import Column, Finding, Target, Task
from evalkit.written.forms import form

if TYPE_CHECKING:
    from evalkit.records import Answer, SampleRecord
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite

GIVEN, REMOVED, CHANGED = CONDITIONS = ("given", "removed", "changed")
ADDED = ("condition", "question_id", "former_answers")
"""The columns that the samples have beside those of the data."""


def _rules(suite: Suite) -> Iterator[Finding]:
    if suite.data.one("contexts") == "response":
        yield (
            ("data", "contexts"),
            "evalkit changes the passages, so they must come from a column of the data",
        )
    if suite.repeats > 1:
        yield ("repeats",), "the task context-use pairs single answers; remove it"


def _swap(value: Any) -> dict[str, str]:
    """What replaces what; a text replaces the answer, whose key is ""."""
    if isinstance(value, Mapping):
        pairs = {str(old): str(new) for old, new in value.items()}
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        pairs = {"": str(value)}
    else:
        raise ValueError(f"expected another fact, a text or {{old: new}}, found {value!r}")
    if not pairs or not all(new.strip() for new in pairs.values()):
        raise ValueError("the other fact is missing")
    return pairs


def _expanded(suite: Suite, sample: Sample) -> list[Sample]:
    """The three samples of a row. Raises ValueError if its fact cannot be removed or changed."""
    column = suite.data.one("contexts")
    assert column is not None
    value = sample.fields[column]
    passages = passages_of(value)
    holding = _holding(suite, sample, passages)
    pairs = _swap(sample.fields[suite.data.one("swap") or ""])
    if "" in pairs:
        pairs = dict.fromkeys(sample.targets, pairs[""])
    changed = [replace(passage, text=_replaced(passage.text, pairs)) for passage in passages]
    if changed == list(passages):
        raise ValueError(f"no passage says {' or '.join(map(repr, pairs))}, which is to be changed")
    targets = tuple(dict.fromkeys(_replaced(text, pairs) for text in sample.targets))
    if {form(text) for text in targets} & {form(text) for text in sample.targets}:
        raise ValueError("the other fact does not change the answer")
    kept = [passage for passage in passages if passage.id not in holding]
    shown: dict[str, Sequence[Passage]] = {GIVEN: passages, REMOVED: kept, CHANGED: changed}
    return [
        replace(
            sample,
            id=sample.id if condition == GIVEN else f"{sample.id}/{condition}",
            targets=targets if condition == CHANGED else sample.targets,
            fields={
                **sample.fields,
                column: _like(value, shown[condition]),
                "condition": condition,
                "question_id": sample.id,
                "former_answers": list(sample.targets),
            },
        )
        for condition in CONDITIONS
    ]


def _holding(suite: Suite, sample: Sample, passages: Sequence[Passage]) -> set[str]:
    """The ids of the passages that hold the answer: as the data says, else those that say it."""
    relevant = suite.data.one("relevant")
    if relevant is not None:
        grades = relevant_of(sample.fields[relevant])
        holding = {name for name, grade in grades.items() if grade > 0}
        if not holding & {passage.id for passage in passages}:
            raise ValueError("none of the relevant passages is among the passages")
        return holding
    marked = dict.fromkeys(sample.targets, "")
    holding = {one.id for one in passages if _replaced(one.text, marked) != one.text}
    if not holding:
        raise ValueError(
            "no passage says the answer, so it is unknown which hold it; name them in a column"
            " under 'relevant:'"
        )
    return holding


def _replaced(text: str, pairs: Mapping[str, str]) -> str:
    """A text with whole words replaced, the longest first, all at once."""
    olds = sorted((re.escape(old) for old in pairs), key=len, reverse=True)
    folded = {old.casefold(): new for old, new in pairs.items()}
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(olds)})(?!\w)", re.IGNORECASE)
    return pattern.sub(lambda found: folded[found[0].casefold()], text)


def _like(value: Any, passages: Sequence[Passage]) -> Any:
    """Passages in the form of the data: one text, a list of texts, or mappings."""
    if isinstance(value, str):
        return "\n\n".join(passage.text for passage in passages)
    listed = value if isinstance(value, list) else [value]
    if all(isinstance(one, str) for one in listed):
        return [passage.text for passage in passages]
    return [passage.plain() for passage in passages]


def _correct(sample: SampleRecord, answer: Answer) -> bool:
    """It says what the passages say; without them, that it does not know."""
    text = answer.prediction or ""
    if sample.fields["condition"] == REMOVED:
        return claims.admits_unknown(text)
    return says(text, sample.targets)


_SCORES = (
    *("follows_passage", "keeps_answer", "answers_from_memory"),
    *("admits_unknown", "passage_effect"),
)
TASK = Task(
    name="context-use",
    summary="a short answer from passages, which are also removed and changed",
    target=Target(lists="bracketed"),
    columns=(
        replace(CONTEXTS, required=True, or_response=False),
        RELEVANT,
        Column(
            key="swap",
            meaning="what the passages say instead when the fact is changed: another answer, or"
            " `{old: new}`",
            required=True,
            lists="bracketed",
            read=_swap,
        ),
    ),
    rules=_rules,
    expand=_expanded,
    adds=ADDED,
    correct=_correct,
    metrics=(*_SCORES, *READ),
    default_metrics=_SCORES,
)
