"""From a judge's reply to a grade, and to its record beside the answer it grades."""

from __future__ import annotations

from dataclasses import replace

from evalkit.exchange import Status
from evalkit.judging.prompts import category_name
from evalkit.judging.questions import TARGET, GradedCell, JudgeRequest, RubricRequest
from evalkit.records.judgments import Category, Judgment, Pair, Reply


def value_of(ask: RubricRequest) -> float | None:
    """A grade: the expected value on a scale; for a majority, the value of the answer given.

    None where there is no answer, and for a category, which is no number.
    """
    reply = ask.reply
    if reply.status is not Status.OK or reply.answer is None or ask.question is None:
        return None
    if isinstance(ask.aspect, Category):
        return None
    said = ask.question.answers[reply.answer]
    on_scale = ask.judged.rubric.mode == "pointwise" and ask.judged.spec.aggregate != "majority"
    return reply.value if on_scale else said


def record_judgment(cell: GradedCell, ask: JudgeRequest, *, mirrored: bool = False) -> None:
    """Record a judgment beside the answer it grades.

    mirrored: beside the other answer of the pair.
    """
    response, case = ask.response, ask.case
    pair = _pair(ask, mirrored)
    judgment = Judgment(
        score=ask.judged.score,
        judge=ask.judge.name,
        reply=_recorded(ask, pair),
        aspect=ask.aspect,
        pair=pair,
        repeat=case.repeat,
        rubric=ask.judged.rubric.hash[:12],
        method=ask.method,
        prompt=ask.request.prompt if ask.request else "",
        text=response.text if response and ask.method != "choice" else "",
        reasoning=ask.thoughts,
        cached=ask.cached,
    )
    answers = cell.samples[case.sample].answers
    place = min(case.repeat, len(answers) - 1)  # the other cell may have fewer answers
    answer = answers[place]
    answers[place] = replace(answer, judgments=(*answer.judgments, judgment))


def _pair(ask: JudgeRequest, mirrored: bool) -> Pair | None:
    case = ask.case
    if not case.paired:
        return None
    other = case.cell.name if mirrored else case.other.name if case.other else TARGET
    return Pair(other, "A" if case.swapped == mirrored else "B")


def _recorded(ask: JudgeRequest, pair: Pair | None) -> Reply:
    """The reply with its grade as seen from the answer it is recorded with, and short numbers."""
    reply, value = ask.reply, value_of(ask)
    answer = reply.answer
    if isinstance(ask.aspect, Category) and answer is not None:
        answer = category_name(ask.judged.rubric, answer)
    if value is not None and pair is not None and pair.stands == "B":
        value = 1.0 - value
    return replace(
        reply,
        answer=answer,
        value=value,
        probabilities={a: float(f"{p:.6g}") for a, p in reply.probabilities.items()},
        lists=reply.lists if any(reply.lists.values()) else {},
    )
