"""Requests to a model, its responses, and their statuses.

Every backend, the engine, the store and the runner use these types; importing them is cheap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from operator import attrgetter
from typing import Any

from evalkit.messages import Message, Prompt, ToolCall
from evalkit.passages import Passage


class Status(str, Enum):
    """The outcome of one request.

    ``ok``: answered. ``truncated``: answered, but stopped by the length limit.
    ``overflow``: the prompt did not fit the model's context, nothing was generated.
    ``unparsed``: answered, but no answer could be taken from the text (set when scoring,
    never by a backend). ``error``: not answered; the message says why.
    """

    OK = "ok"
    TRUNCATED = "truncated"
    OVERFLOW = "overflow"
    UNPARSED = "unparsed"
    ERROR = "error"

    def __str__(self) -> str:
        return self.value


FILTERED = "content_filter"
"""The detail that marks a response withheld by a content filter of the service. It is an error, or
a refusal in suites that grade refusals."""

_UNANSWERED = (Status.ERROR.value, Status.OVERFLOW.value)
"""Statuses of a request that has no answer; there is nothing to score."""


def is_answered(status: str) -> bool:
    """Whether a request of this status has an answer, right or wrong."""
    return status not in _UNANSWERED


def unanswered(statuses: Mapping[str, int]) -> dict[str, int]:
    """The counts by status of requests without an answer."""
    return {status: statuses[status] for status in _UNANSWERED if statuses.get(status)}


@dataclass(frozen=True, slots=True)
class Generation:
    """How to generate. The defaults are greedy.

    ``temperature`` 0 is greedy; ``top_k``/``top_p`` only matter when sampling. ``stop``:
    generation ends before the first of these strings, which is not part of the text.
    ``seed`` makes a sampled answer depend on nothing but the request.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    num_beams: int = 1
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The parameters by name, as JSON values."""
        values = dict(zip(_GENERATION, _generation(self), strict=True))
        values["stop"] = list(self.stop)
        return values

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Generation:
        """Parameters from their JSON values; those of a newer version are left out."""
        known = {f.name: body[f.name] for f in fields(cls) if f.name in body}
        return cls(**{**known, "stop": tuple(body.get("stop") or ())})


_GENERATION = tuple(field.name for field in fields(Generation))
_generation = attrgetter(*_GENERATION)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a long text is read: the window size in tokens, and its stride.

    None: what suits the model (at most 2048 tokens at once; half a window).
    """

    window: int | None = None
    stride: int | None = None


MASK = "[MASK]"
"""The placeholder of a masked word in a suite; each model has its own mask token."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a model with a task head, in place of a prompt.

    texts: in the order of the suite's ``data.input`` (for token classification: the tokens).
    labels: of the suite, each with the ways it may be written. optional: those that the head may
    lack; their log-probability is then minus infinity. windowed: a first text that is too long is
    read in overlapping windows, of which the ``decisive`` one counts.
    """

    task: str
    texts: tuple[str, ...]
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    optional: tuple[str, ...] = ()
    windowed: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to a model for one sample.

    With ``choices`` the model generates nothing: it returns the log-likelihood of each
    of these continuations after the prompt. With ``reading`` it generates nothing either: it
    returns the log-likelihood of the prompt itself, a raw text. With ``inputs`` the model has a
    task head, which reads these; the prompt shows them to people. ``repeat`` distinguishes answers
    to the same request when a suite asks several times. ``json_schema``: a JSON Schema, as JSON,
    for the text; servers that support it enforce it, other backends ignore it. ``tools``: the
    functions that the model may call, as a JSON list in OpenAI's form; "" if there are none.
    ``continued``: the next request of a conversation begins with this prompt and its answer, so an
    engine may keep what it computed; this changes no answer.
    """

    prompt: Prompt
    generation: Generation = field(default_factory=Generation)
    choices: tuple[str, ...] = ()
    repeat: int = 0
    reading: Reading | None = None
    inputs: Inputs | None = None
    json_schema: str = ""
    tools: str = ""
    continued: bool = False

    @property
    def kind(self) -> str:
        """``choose``, ``read`` or ``generate``."""
        if self.reading is not None:
            return "read"
        return "choose" if self.choices else "generate"


@dataclass(frozen=True, slots=True)
class Response:
    """A model's response to one request.

    text: the generated text (for ``choose``: the most likely continuation).
    sent: the exact text the model saw, after the chat template, special tokens included.
    logprobs: for ``choose``, the sum of the token log-probabilities (nats) of each choice;
        for ``read``, that of the whole text.
    choice_tokens: for ``choose``, the number of tokens of each choice; for ``read``, of the text.
    prompt_tokens, completion_tokens: counts; None where the backend cannot tell.
    finish: why generation ended: ``stop`` (end of text), ``stop_string``, ``length``, ``""``.
    seconds: wall time of this response (for a batch: the batch's time over its size).
    error: the message when the status is error or overflow.
    thinking: what a reasoning model thought first, where the server sends it apart; None: nothing.
    unfinished: it was cut off while it thought.
    tie: the best choice leads by less than the rounding of the model's precision.
    candidates: answers that the model ranks, best first; None where it does not.
    contexts: the passages that an application retrieved, best first.
    calls: the tools it calls, in order.
    messages: what it wrote and got between the prompt and this text, which comes last.
    cost: in the currency of the model's prices; None where it is unknown.
    details: anything else worth showing; JSON values only. ``how`` and ``choice_method`` explain
        in words how the answer was found.
    """

    status: Status
    text: str = ""
    sent: str = ""
    logprobs: tuple[float, ...] = ()
    choice_tokens: tuple[int, ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish: str = ""
    seconds: float = 0.0
    error: str = ""
    thinking: str | None = None
    unfinished: bool = False
    tie: bool = False
    candidates: tuple[str, ...] | None = None
    contexts: tuple[Passage, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    messages: tuple[Message, ...] = ()
    cost: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """True when there is an answer to score."""
        return is_answered(self.status)


def softmax(logprobs: Sequence[float]) -> list[float]:
    """Probabilities relative to each other, from log-probabilities in nats; they sum to 1."""
    top = max(logprobs)
    weights = [math.exp(value - top) for value in logprobs]
    total = sum(weights)
    return [weight / total for weight in weights]


def decisive(readings: Sequence[Sequence[float]]) -> int:
    """Which of several readings of the same labels counts, by their log-probabilities.

    Labels are in order of precedence: the first label that is the most likely one of some reading
    decides, by the reading in which it is most likely. Where only the last label is, the reading
    counts that comes nearest to the first one.

    >>> decisive([[-3.0, -0.1], [-0.5, -0.9], [-0.2, -1.7]])
    2
    """
    for label in range(len(readings[0]) - 1):
        agreeing = [i for i, reading in enumerate(readings) if max(reading) == reading[label]]
        if agreeing:
            return max(agreeing, key=lambda i: readings[i][label])
    return max(range(len(readings)), key=lambda i: readings[i][0])


def lead(logprobs: Sequence[float]) -> float:
    """The lead of the best choice over the second, in nats; infinite for a single choice."""
    ranked = sorted(logprobs, reverse=True)
    return ranked[0] - ranked[1] if len(ranked) > 1 else math.inf
