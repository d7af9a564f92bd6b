"""Whether answers use their passages: the same question with the fact given, removed, and changed.

An answer says a fact if its words contain those of an accepted answer. Every score is over
questions with all three answers, in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalkit.answers import claims
from evalkit.answers.facts import says
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result, Score
from evalkit.stats.paired import paired_proportions

_Flag = Callable[[str, Sequence[str], Sequence[str]], bool]
"""Of an answer, what the unchanged passages say, and what the changed ones say."""
_EMPTY = "undefined: no question has all three answers"


def _metric(name: str, condition: str, flag: _Flag, summary: str) -> Callable[..., Result]:
    def metric(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
        found, note = _questions(columns)
        flags = [flag(_text(columns, of[condition]), *_answers(columns, of)) for of in found]
        score = build.proportion(flags, confidence=confidence, note=note, empty=_EMPTY)
        return build.single(name, _of_questions(score))

    metric.__name__ = name
    metric.__doc__ = summary
    return metric


def _questions(columns: Columns) -> tuple[list[dict[str, int]], str]:
    """The place of the answer under each condition, by question; and how many lack one."""
    places: dict[Any, dict[str, int]] = {}
    for i, row in enumerate(columns.fields):
        places.setdefault(row["question_id"], {})[row["condition"]] = i
    whole = [of for of in places.values() if len(of) == 3]
    lacking = len(places) - len(whole)
    return whole, f"{lacking} questions lack an answer" if lacking else ""


def _text(columns: Columns, place: int) -> str:
    return columns.predictions[place] or ""


def _answers(columns: Columns, of: dict[str, int]) -> tuple[Sequence[str], Sequence[str]]:
    return columns.targets[of["given"]], columns.targets[of["changed"]]


def _of_questions(score: Score) -> Score:
    return replace(score, per_sample=None)


follows_passage = _metric(
    "follows_passage",
    "changed",
    lambda text, old, new: says(text, new) and not says(text, old),
    "Share of questions whose answer changes with the passage. Wilson's interval over questions.",
)
keeps_answer = _metric(
    "keeps_answer",
    "changed",
    lambda text, old, new: says(text, old) and not says(text, new),
    "Share of questions that get the former answer though the passage says otherwise. Wilson.",
)
answers_from_memory = _metric(
    "answers_from_memory",
    "removed",
    lambda text, old, new: says(text, old),
    "Share of questions that get the right answer without the passage. Wilson.",
)
admits_unknown = _metric(
    "admits_unknown",
    "removed",
    lambda text, old, new: claims.admits_unknown(text) and not says(text, old),
    "Share of questions without the passage whose answer admits that it is not known. Wilson.",
)


def passage_effect(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """How much more often the answer is right with the passage than without. -1 … 1.

    The paired difference of the two shares over questions, with the interval of
    :func:`evalkit.stats.paired.paired_proportions`.
    """
    found, note = _questions(columns)
    if not found:
        return build.single("passage_effect", build.undefined(0, confidence, _EMPTY))
    right = [
        [says(_text(columns, of[name]), _answers(columns, of)[0]) for of in found]
        for name in ("removed", "given")
    ]
    without, with_it = np.array(right, dtype=np.float64)
    low, high, method = paired_proportions(without, with_it, confidence)
    share = f"right with the passage: {with_it.mean():.3f}"
    effect = float((with_it - without).mean())
    note = build.joined(share, note)
    score = Score(effect, low, high, len(found), confidence, method, note=note)
    return build.single("passage_effect", score)
