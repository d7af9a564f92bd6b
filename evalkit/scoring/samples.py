"""From a response to an answer: the prediction, its status, and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evalkit.answers import Extracted
from evalkit.checks import run_check
from evalkit.exchange import FILTERED, Request, Response, Status, softmax
from evalkit.models.thinking import WHY
from evalkit.records import Answer, Choices, Likelihood
from evalkit.scoring.extract import extract
from evalkit.spec.choices import LETTERS
from evalkit.spec.data import Sample
from evalkit.spec.prompts import options
from evalkit.spec.suite import Suite

WITHHELD = "a content filter of the service withheld the answer, which counts as a refusal"
"""The explanation of an answer that is none of the model."""


def answer_of(
    suite: Suite, sample: Sample, request: Request | None, response: Response, *, cached: bool
) -> Answer:
    """The answer to one request, not scored yet.

    request: None when the prompt could not be rendered.
    """
    request = request or Request("")
    withheld = suite.kind.grades_refusals and FILTERED in response.details
    if withheld and not response.answered:
        response = replace(response, status=Status.OK, error="", finish=FILTERED)
    status = response.status
    taken = Extracted(None, response.error)
    if response.answered:
        if response.unfinished:
            taken = Extracted(None, WHY)
        else:
            taken = extract(suite, sample, request, response)
        if withheld:  # the service refused in place of the model
            taken = replace(taken, explanation=f"{WITHHELD}; {taken.explanation}")
        if taken.prediction is None:
            status = Status.UNPARSED
    answer = Answer(
        output=response.text,
        prediction=taken.prediction,
        explanation=taken.explanation,
        status=status.value,
        error=response.error,
        thinking=response.thinking,
        unfinished=response.unfinished,
        probabilities=_probabilities(suite, sample, response),
        choices=_choices(suite, sample, request, response),
        likelihood=_likelihood(request, response),
        candidates=response.candidates,
        tie=response.tie,
        sent=response.sent,
        cached=cached,
        seconds=response.seconds,
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
        finish=response.finish,
        contexts=response.contexts,
        calls=response.calls if taken.calls is None else taken.calls,
        messages=response.messages,
        cost=response.cost,
        details=_details(request, response),
    )
    checks = (*suite.checks, *sample.checks)
    if not checks or not response.answered:
        return answer
    parts = answer.values()
    return replace(answer, checks=tuple(run_check(check, parts) for check in checks))


def _details(request: Request, response: Response) -> dict[str, Any]:
    """The details to show; how a head found its answer is in the explanation."""
    without = "how" if request.inputs is not None else ""
    return {name: value for name, value in response.details.items() if name != without}


def _probabilities(suite: Suite, sample: Sample, response: Response) -> dict[str, float]:
    """The choices' probabilities relative to each other."""
    if not response.logprobs or suite.answer.method != "choice":
        return {}
    names: Sequence[str] = suite.label_names or LETTERS[: len(response.logprobs)]
    if suite.kind.options is not None:
        names = options(suite, sample)
    return dict(zip(names, softmax(response.logprobs), strict=True))


def _choices(suite: Suite, sample: Sample, request: Request, response: Response) -> Choices | None:
    """The continuations compared, what each stands for, and their log-likelihoods."""
    if not request.choices:
        return None
    return Choices(tuple(options(suite, sample)), request.choices, response.logprobs)


def _likelihood(request: Request, response: Response) -> Likelihood | None:
    """The likelihood of the text that the model read."""
    if request.reading is None or not response.answered:
        return None
    size = len(str(request.prompt).encode("utf-8", "surrogatepass"))
    return Likelihood(response.logprobs[0], response.choice_tokens[0], size)
