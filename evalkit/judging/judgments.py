"""From a judge's reply to a grade, and to its record beside the answer it grades."""

from __future__ import annotations

from dataclasses import replace

from evalkit.exchange import Status
from evalkit.judging.prompts import category_name
from evalkit.judging.questions import TARGET, GradedCell, JudgeRequest, RubricRequest
from evalkit.records.judgments import Category, Judgment, Pair, Reply


def value_of(query: RubricRequest) -> float | None:
    """A grade: the expected value on a scale; for a majority, the value of the answer given.

    None if there is no answer, and for a category, which is not a number.
    """
    reply = query.reply
    if reply.status is not Status.OK or reply.answer is None or query.question is None:
        return None
    if isinstance(query.aspect, Category):
        return None
    said = query.question.answers[reply.answer]
    on_scale = query.judged.rubric.mode == "pointwise" and query.judged.spec.aggregate != "majority"
    return reply.value if on_scale else said


def record_judgment(cell: GradedCell, query: JudgeRequest, *, mirrored: bool = False) -> None:
    """Record a judgment beside the answer it grades.

    mirrored: beside the other answer of the pair.
    """
    response, case = query.response, query.case
    pair = _pair(query, mirrored)
    judgment = Judgment(
        score=query.judged.score,
        judge=query.judge.name,
        reply=_recorded(query, pair),
        aspect=query.aspect,
        pair=pair,
        repeat=case.repeat,
        rubric=query.judged.rubric.hash[:12],
        method=query.method,
        prompt=query.request.prompt if query.request else "",
        text=response.text if response and query.method != "choice" else "",
        reasoning=query.rationale,
        cached=query.cached,
    )
    answers = cell.samples[case.sample].answers
    place = min(case.repeat, len(answers) - 1)  # the other cell may have fewer answers
    answer = answers[place]
    answers[place] = replace(answer, judgments=(*answer.judgments, judgment))


def _pair(query: JudgeRequest, mirrored: bool) -> Pair | None:
    case = query.case
    if not case.paired:
        return None
    other = case.cell.name if mirrored else case.other.name if case.other else TARGET
    return Pair(other, "A" if case.swapped == mirrored else "B")


def _recorded(query: JudgeRequest, pair: Pair | None) -> Reply:
    """The reply with its grade as seen from the answer it is recorded with, and short numbers."""
    reply, value = query.reply, value_of(query)
    answer = reply.answer
    if isinstance(query.aspect, Category) and answer is not None:
        answer = category_name(query.judged.rubric, answer)
    if value is not None and pair is not None and pair.stands == "B":
        value = 1.0 - value
    return replace(
        reply,
        answer=answer,
        value=value,
        probabilities={a: float(f"{p:.6g}") for a, p in reply.probabilities.items()},
        lists=reply.lists if any(reply.lists.values()) else {},
    )
