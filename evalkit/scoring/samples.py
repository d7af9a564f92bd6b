"""From a response to an answer: the prediction, its status, and its checks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evalkit.answers import Extracted
from evalkit.checks import run_check
from evalkit.exchange import FILTERED, Request, Response, Status
from evalkit.models.thinking import THOUGHT, UNFINISHED, WHY
from evalkit.records import Answer, Choices, Likelihood
from evalkit.scoring.extract import extract
from evalkit.spec.choices import LETTERS
from evalkit.spec.data import Sample
from evalkit.spec.prompts import options
from evalkit.spec.suite import Suite

CANDIDATES, TIE = "candidates", "tie"
"""Details of a response that scoring and comparing read."""
WITHHELD = "a content filter of the service withheld the answer, which counts as a refusal"


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
        if response.details.get(UNFINISHED):
            taken = Extracted(None, WHY)
        else:
            taken = extract(suite, sample, request, response)
        if withheld:  # the service refused in place of the model
            taken = replace(taken, explanation=f"{WITHHELD}; {taken.explanation}")
        if taken.prediction is None:
            status = Status.UNPARSED
    details = _Details(response)
    return Answer(
        output=response.text,
        prediction=taken.prediction,
        explanation=taken.explanation,
        status=status.value,
        error=response.error,
        thinking=details.text(THOUGHT),
        unfinished=details.flag(UNFINISHED),
        probabilities=_probabilities(suite, response),
        choices=_choices(suite, sample, request, response),
        likelihood=_likelihood(request, response),
        candidates=details.texts(CANDIDATES) if "ranked" in suite.kind.makes else None,
        tie=details.flag(TIE),
        checks=tuple(run_check(check, response.text) for check in suite.checks)
        if response.answered
        else (),
        sent=response.sent,
        cached=cached,
        seconds=response.seconds,
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
        finish=response.finish,
        details=details.rest(without="how" if request.inputs is not None else ""),
    )


class _Details:
    """The details of a response without those that are fields of an answer."""

    def __init__(self, response: Response) -> None:
        self._left = dict(response.details)

    def text(self, name: str) -> str | None:
        return self._left.pop(name) if isinstance(self._left.get(name), str) else None

    def flag(self, name: str) -> bool:
        return self._left.pop(name) if isinstance(self._left.get(name), bool) else False

    def texts(self, name: str) -> tuple[str, ...] | None:
        found = self._left.get(name)
        if not isinstance(found, list | tuple):
            return None
        return tuple(str(text) for text in self._left.pop(name))

    def rest(self, without: str) -> dict[str, Any]:
        self._left.pop(without, None)
        return self._left


def _probabilities(suite: Suite, response: Response) -> dict[str, float]:
    """The choices' probabilities relative to each other: a softmax of their log-likelihoods."""
    if not response.logprobs or suite.answer.method != "choice":
        return {}
    top = max(response.logprobs)
    weights = [math.exp(value - top) for value in response.logprobs]
    total = sum(weights)
    names: Sequence[str] = suite.label_names or LETTERS[: len(weights)]
    return {name: weight / total for name, weight in zip(names, weights, strict=True)}


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
