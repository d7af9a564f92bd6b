"""A server that lies: each lie ends as an error of its samples or in the right answer, in time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message
from evalkit.models.registry import Declared, resolve
from tests.drills.liar import (
    CHAT_LIES,
    GOOD,
    HARMLESS_LIES,
    LOGPROB_LIES,
    RIGHT,
    Lie,
    drip,
    hangs,
    lying,
    raw,
    reply,
    says,
)
from tests.drills.tally import Tally

pytest.importorskip("httpx")

TIMEOUT = 1.5
BOUND = 20.0
"""Seconds: two attempts, the pause between them, and a busy machine."""
CHOICES = ("London", RIGHT)


def answers(url: str, requests: Sequence[Request], folder: Path) -> list[Response | ModelError]:
    """The response to each request, or the error that ended the model before it."""
    options = {"model": "m", "base_url": url, "timeout": TIMEOUT, "retries": 1, "backoff": 0.01,
               "max_wait": 1.0}  # fmt: skip
    model = resolve(Declared("liar", "openai", options, "evalkit.yaml", 1, folder))
    found: dict[int, Response | ModelError] = {}
    try:
        for batch in model.respond(requests):
            found.update(batch)
    except ModelError as error:
        return [found.get(i, error) for i in range(len(requests))]
    finally:
        model.close()
    return [found[i] for i in range(len(requests))]


def is_error(answer: Response | ModelError) -> bool:
    if isinstance(answer, ModelError):
        return bool(str(answer))
    return answer.status in (Status.ERROR, Status.OVERFLOW) and bool(answer.error)


def is_right(answer: Response | ModelError) -> bool:
    return isinstance(answer, Response) and answer.answered and answer.text == RIGHT


def chats() -> list[Request]:
    texts = ("The capital of France?", "A lie?", "Once more, the capital?", "Another lie?")
    return [Request((Message("user", text),), Generation(8)) for text in texts]


def drill(lie: Lie, requests: Sequence[Request], folder: Path, *, taken: bool) -> None:
    """Ask honest and lying questions. taken: whether a right answer may come of a lie."""
    started = time.monotonic()
    with lying(lie) as url:
        found = answers(url, requests, folder)
    took = time.monotonic() - started
    assert took < BOUND, f"it took {took:.0f} s"
    for request, answer in zip(requests, found, strict=True):
        if "lie" in str(request.prompt):
            assert is_error(answer) or (taken and is_right(answer)), answer
        else:
            assert is_right(answer), f"an honest answer was lost: {answer}"


@pytest.mark.parametrize("name", CHAT_LIES)
def test_a_lie_is_an_error_of_its_samples(name: str, tmp_path: Path, tally: Tally) -> None:
    with tally.attempt("a lying server: answers"):
        drill(CHAT_LIES[name], chats(), tmp_path, taken=False)


@pytest.mark.parametrize("name", HARMLESS_LIES)
def test_a_harmless_lie_changes_no_answer(name: str, tmp_path: Path, tally: Tally) -> None:
    with tally.attempt("a lying server: answers"):
        drill(HARMLESS_LIES[name], chats(), tmp_path, taken=True)


@pytest.mark.parametrize("name", LOGPROB_LIES)
def test_a_lie_about_logprobs_is_an_error_of_its_samples(
    name: str, tmp_path: Path, tally: Tally
) -> None:
    with tally.attempt("a lying server: log-probabilities"):
        texts = ("The capital of France:", "The capital is no lie:", "The capital:", "A lie:")
        requests = [Request(text, choices=CHOICES) for text in texts]
        drill(LOGPROB_LIES[name], requests, tmp_path, taken=True)


MODELS_LIES: dict[str, Lie] = {
    "silence": hangs(),
    "a byte now and then": drip(reply(GOOD), 0.5),
    "a list of numbers": says([1, 2, 3]),
    "models: null": says({"data": None}),
    "a model without a name": says({"data": [{}, None, 7, {"id": None}]}),
    "HTML": says(b"<html></html>"),
    "truncated JSON": says(b'{"data": [{"id": "m"'),
    "a redirect to itself": says(b"", "302 Found", "Location: /v1/models"),
    "nothing": raw(b""),
}


@pytest.mark.parametrize("name", MODELS_LIES)
def test_a_lie_about_the_models_hangs_nothing(name: str, tmp_path: Path, tally: Tally) -> None:
    with tally.attempt("a lying server: its list of models"):
        started = time.monotonic()
        with lying(says({}), listed=MODELS_LIES[name]) as url:
            options = {"model": "m", "base_url": url, "timeout": TIMEOUT, "retries": 1,
                       "backoff": 0.01}  # fmt: skip
            model = resolve(Declared("liar", "openai", options, "evalkit.yaml", 1, tmp_path))
            with contextlib.suppress(ModelError):
                model.fingerprint()
                model.load()
        assert time.monotonic() - started < BOUND
