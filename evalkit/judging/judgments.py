"""One judgment: its value, and its record beside the answer it grades."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evalkit.exchange import Status
from evalkit.judging.prompts import category_name
from evalkit.judging.questions import TARGET, GradedCell, JudgeRequest, RubricRequest
from evalkit.messages import plain

CATEGORY = "category"
"""The criterion under which a rubric with categories asks for the category."""


def value_of(ask: RubricRequest) -> float | None:
    """A grade: the expected value on a scale; for a majority, the value of the answer given."""
    reply = ask.reply
    if reply.status is not Status.OK or reply.answer is None or ask.question is None:
        return None
    said = ask.question.answers[reply.answer]
    on_scale = ask.judged.rubric.mode == "pointwise" and ask.judged.spec.aggregate != "majority"
    return reply.value if on_scale else said


def record_judgment(cell: GradedCell, ask: JudgeRequest, *, mirrored: bool = False) -> None:
    """Record a judgment beside the answer it grades."""
    reply, response, case = ask.reply, ask.response, ask.case
    judgment: dict[str, Any] = {
        "score": ask.judged.score,
        "rubric": ask.judged.rubric.hash[:12],
        "judge": ask.judge.name,
        "method": ask.method,
        "status": reply.status.value,
        "answer": reply.answer,
        "value": value_of(ask),
        "prompt": plain(ask.request.prompt) if ask.request else "",
        "reply": response.text if response and ask.method != "choice" else "",
        "cached": ask.cached,
    }
    if ask.criterion:
        judgment["criterion"] = ask.criterion
    if ask.criterion == CATEGORY and reply.answer is not None:
        judgment["answer"] = category_name(ask.judged.rubric, reply.answer)
    if reply.probabilities:
        judgment["probabilities"] = {a: float(f"{p:.6g}") for a, p in reply.probabilities.items()}
        judgment["mass"] = reply.mass
    if any(reply.lists.values()):
        judgment["lists"] = {name: list(items) for name, items in reply.lists.items()}
    if ask.thoughts:
        judgment["reasoning"] = ask.thoughts
    if reply.error:
        judgment["error"] = reply.error
    if case.repeat:
        judgment["repeat"] = case.repeat
    if case.paired:
        other = case.cell.name if mirrored else case.other.name if case.other else TARGET
        judgment["against"] = other
        judgment["stands"] = "A" if case.swapped == mirrored else "B"
        if judgment["value"] is not None and judgment["stands"] == "B":
            judgment["value"] = (
                1.0 - judgment["value"]
            )  # from the side of the answer it is recorded with
    answers = cell.samples[case.sample].answers
    place = min(case.repeat, len(answers) - 1)  # the other cell may have fewer answers
    answer = answers[place]
    answers[place] = replace(answer, judgments=(*answer.judgments, judgment))
