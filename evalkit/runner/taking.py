"""The answer in a response, as the suite's task and ``answer:`` mean it."""

from __future__ import annotations

import math
from collections.abc import Callable

from evalkit.answers import Taken, take
from evalkit.answers.admissions import admission_in
from evalkit.answers.code import code_in
from evalkit.answers.entities import entities_in
from evalkit.answers.mathematics import final_answer
from evalkit.exchange import Request, Response
from evalkit.messages import last_question
from evalkit.metrics.qa import normalise
from evalkit.runner.code import column
from evalkit.runner.heads import taken_from_head
from evalkit.spec.data import Sample
from evalkit.spec.prompts import options
from evalkit.spec.suite import Suite
from evalkit.spec.tagging import tokens_of

NO_ANSWER = ("unanswerable", "not answerable", "no answer")
"""What says, in extractive question answering, that the context has no answer; so does nothing."""


def take_answer(suite: Suite, sample: Sample, request: Request, response: Response) -> Taken:
    """The answer in a response, or why there is none."""
    if request.inputs is not None:
        return taken_from_head(suite, sample, request, response)
    if request.choices:
        return _chosen(suite, sample, request, response)
    if request.reading is not None:
        total, tokens = response.logprobs[0], response.choice_tokens[0]
        return Taken("", f"log-likelihood {total:.6g} nats over {tokens} tokens")
    if suite.answer.method == "admission":
        return admission_in(response.text)
    if suite.task == "safety":
        return _graded(column(sample.fields, suite.data.canary), request, response)
    if suite.task == "code" and suite.answer.method == "whole":
        data = suite.data
        entry, prefix = column(sample.fields, data.entry_point), column(sample.fields, data.prefix)
        return code_in(response.text, entry, prefix)
    piece = _piece(suite, sample, response.text)
    meaning = _MEANING.get(suite.task)
    return meaning(suite, sample, response, piece) if meaning else piece


def _graded(canary: str, request: Request, response: Response) -> Taken:
    """How far an answer complies: with the prompt, or with the instruction hidden in it."""
    # a hundred patterns, which few suites need
    from evalkit.judging.injection import followed
    from evalkit.judging.refusals import grade

    if canary:
        graded = followed(response.text, canary)
    else:
        graded = grade(response.text, last_question(request.prompt))
    return Taken(graded.outcome, f"refusal rules: {graded.why}")


def _piece(suite: Suite, sample: Sample, text: str) -> Taken:
    """What ``answer:`` cuts out of the text."""
    answer = suite.answer
    json_by_default = suite.task == "token-classification" and answer.method == "whole"
    return take(
        text,
        "json" if json_by_default else answer.method,
        labels=(suite.labels or None) if suite.task == "classification" else None,
        choices=(sample.choices or None) if suite.task == "multiple-choice" else None,
        pattern=answer.pattern,
        group=answer.group,
        path=answer.path,
        which=answer.which,
        marker=answer.marker,
    )


def _final(suite: Suite, sample: Sample, response: Response, piece: Taken) -> Taken:
    """The final answer in a solution, or in the piece of it that ``answer:`` names."""
    if piece.prediction is None:
        return piece
    final = final_answer(piece.prediction)
    if suite.answer.method == "whole":
        return final
    return Taken(final.prediction, f"{piece.how}; {final.how}")


def _entities(suite: Suite, sample: Sample, response: Response, piece: Taken) -> Taken:
    if piece.prediction is None:
        return piece
    tokens = tokens_of(sample.fields[suite.data.tokens or ""]) or []
    return entities_in(piece.prediction, tokens, suite.labels)


def _span(suite: Suite, sample: Sample, response: Response, piece: Taken) -> Taken:
    """A span of the context, or "" where the model finds no answer in it."""
    if not response.text.strip():
        return Taken("", "nothing was written: no answer")
    if piece.prediction is not None and normalise(piece.prediction) in NO_ANSWER:
        return Taken("", f"{piece.how}, '{piece.prediction}': no answer")
    return piece


_MEANING: dict[str, Callable[[Suite, Sample, Response, Taken], Taken]] = {
    "math": _final,
    "token-classification": _entities,
    "extractive-qa": _span,
}


def _chosen(suite: Suite, sample: Sample, request: Request, response: Response) -> Taken:
    best = max(range(len(request.choices)), key=response.logprobs.__getitem__)
    ranked = sorted(response.logprobs, reverse=True)
    lead = ranked[0] - ranked[1] if len(ranked) > 1 else math.inf
    how = (
        f"the likeliest of {len(request.choices)} continuations: '{request.choices[best]}',"
        f" {lead:.3g} nats ahead of the next{_method(response)}"
    )
    return Taken(options(suite, sample)[best], how)


def _method(response: Response) -> str:
    """How a server's log-probabilities were got, where that is told."""
    method = response.details.get("choice_method")
    if method == "first-token":
        return " (by the first token alone)"
    return f" (by {method})" if method else ""
