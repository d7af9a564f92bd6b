"""From a response to what counts: the answer taken from it, its status, the checks on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.answers import Taken, take
from evalkit.answers.code import code_in
from evalkit.answers.entities import entities_in
from evalkit.answers.mathematics import final_answer
from evalkit.checks import run_check
from evalkit.exchange import Prompt, Request, Response, Status
from evalkit.judging.refusals import grade
from evalkit.records import SampleRecord
from evalkit.runner.code import column
from evalkit.spec.choices import LETTERS
from evalkit.spec.data import Sample
from evalkit.spec.prompts import options
from evalkit.spec.suite import Suite
from evalkit.spec.tagging import tokens_of

_MATCHED_TASKS = ("classification", "multiple-choice")


def outcome(
    suite: Suite, sample: Sample, request: Request | None, response: Response, *, cached: bool
) -> SampleRecord:
    """The record of one sample: what was sent, what came back, what was taken from it.

    request: None when the prompt could not be rendered.
    """
    request = request or Request("")
    status = response.status
    taken = Taken(None, response.error)
    if response.answered:
        taken = take_answer(suite, sample, request, response)
        if taken.prediction is None:
            status = Status.UNPARSED
    return SampleRecord(
        id=sample.id,
        index=sample.index,
        fields=dict(sample.fields),
        targets=list(sample.targets),
        prompt=plain_prompt(request.prompt),
        sent=response.sent,
        output=response.text,
        prediction=taken.prediction,
        how=taken.how,
        status=status.value,
        error=response.error,
        probabilities=_probabilities(suite, response),
        checks=[run_check(check, response.text) for check in suite.checks]
        if response.answered
        else [],
        cached=cached,
        seconds=response.seconds,
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
        finish=response.finish,
        details=_details(suite, sample, request, response),
    )


def take_answer(suite: Suite, sample: Sample, request: Request, response: Response) -> Taken:
    """The answer in a response, by the suite's ``answer:``."""
    if request.choices:
        return _chosen(suite, sample, request, response)
    if request.reading is not None:
        total, tokens = response.logprobs[0], response.choice_tokens[0]
        return Taken("", f"log-likelihood {total:.6g} nats over {tokens} tokens")
    answer = suite.answer
    if suite.task == "safety":
        graded = grade(response.text, _asked(request))
        return Taken(graded.outcome, f"refusal rules: {graded.why}")
    if suite.task == "code" and answer.method == "whole":
        data = suite.data
        entry, prefix = column(sample.fields, data.entry_point), column(sample.fields, data.prefix)
        return code_in(response.text, entry, prefix)
    method = answer.method
    if suite.task == "token-classification" and method == "whole":
        method = "json"
    labels = suite.labels if suite.task == "classification" else None
    choices = sample.choices if suite.task == "multiple-choice" else None
    taken = take(
        response.text,
        method,
        labels=labels or None,
        choices=choices or None,
        pattern=answer.pattern,
        group=answer.group,
        path=answer.path,
        which=answer.which,
        marker=answer.marker,
    )
    if suite.task == "token-classification" and taken.prediction is not None:
        words = tokens_of(sample.fields[suite.data.tokens or ""]) or []
        return entities_in(taken.prediction, words, suite.labels)
    if suite.task == "math" and taken.prediction is not None:
        return _final(taken, whole=answer.method == "whole")
    return taken


def _final(piece: Taken, *, whole: bool) -> Taken:
    """The final answer in a solution, or in the piece of it that the suite's ``answer:`` names."""
    final = final_answer(piece.prediction or "")
    return final if whole else Taken(final.prediction, f"{piece.how}; {final.how}")


def _asked(request: Request) -> str:
    """What the user said last: a refusal can only be told from an answer by the question."""
    if isinstance(request.prompt, str):
        return request.prompt
    return next((m.content for m in reversed(request.prompt) if m.role == "user"), "")


def _chosen(suite: Suite, sample: Sample, request: Request, response: Response) -> Taken:
    best = max(range(len(request.choices)), key=response.logprobs.__getitem__)
    ranked = sorted(response.logprobs, reverse=True)
    lead = ranked[0] - ranked[1] if len(ranked) > 1 else math.inf
    how = (
        f"the likeliest of {len(request.choices)} continuations: '{request.choices[best]}',"
        f" {lead:.3g} nats ahead of the next"
    )
    return Taken(options(suite, sample)[best], how)


def _probabilities(suite: Suite, response: Response) -> dict[str, float]:
    """The choices' probabilities relative to each other: a softmax of their log-likelihoods."""
    if not response.logprobs or suite.answer.method != "choice":
        return {}
    top = max(response.logprobs)
    weights = [math.exp(value - top) for value in response.logprobs]
    total = sum(weights)
    names: Sequence[str] = suite.label_names or LETTERS[: len(weights)]
    return {name: weight / total for name, weight in zip(names, weights, strict=True)}


def _details(suite: Suite, sample: Sample, request: Request, response: Response) -> dict[str, Any]:
    """The backend's details, and for choices what was compared, for what it stands, how likely."""
    details = dict(response.details)
    if request.choices:
        details["choices"] = list(request.choices)
        details["options"] = list(options(suite, sample))
        details["logprobs"] = list(response.logprobs)
    if request.reading is not None and response.answered:
        details["logprob"] = response.logprobs[0]
        details["tokens"] = response.choice_tokens[0]
        details["bytes"] = len(str(request.prompt).encode("utf-8", "surrogatepass"))
    return details


def plain_prompt(prompt: Prompt) -> str | list[dict[str, str]]:
    """A prompt as JSON values, the way records hold it."""
    if isinstance(prompt, str):
        return prompt
    return [{"role": message.role, "content": message.content} for message in prompt]
