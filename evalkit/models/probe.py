"""Tests a model's capabilities with a few short requests (``evalkit models check``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from evalkit import tasks
from evalkit.errors import EvalkitError
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message
from evalkit.models.base import Model

QUESTION = "What is the capital of France? Answer in one sentence."
SYSTEM = "You are a careful librarian."
CHOICES = ("Paris", "Berlin")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about a model.

    name: of what was tried. works: None for a fact that is neither success nor failure. detail: the
    finding as text. required: whether the model is unusable without it.
    """

    name: str
    works: bool | None
    detail: str
    required: bool = False


def probe(model: Model, question: str = "") -> Iterator[Finding]:
    """Load a model, send it requests and close it; yields each finding at once.

    question: the text to send; "": one that fits the model.
    """
    started = perf_counter()
    try:
        model.load()
    except EvalkitError as error:
        yield Finding("reached", False, str(error), required=True)
        return
    try:
        yield Finding("reached", True, f"in {perf_counter() - started:.1f} s", required=True)
        yield from _facts(model)
        if model.capabilities.inputs:
            for task in model.capabilities.inputs:
                yield from _probe_head(model, task, question)
        else:
            yield from _probe_text(model, question or QUESTION)
    finally:
        model.close()


def _facts(model: Model) -> Iterator[Finding]:
    described = dict(model.describe())
    context = described.pop("context_length", None)
    yield Finding("model", None, ", ".join(f"{k} {v}" for k, v in described.items()))
    length = f"{context} tokens" if context else "unknown"
    yield Finding("context length", None, length)


def _probe_head(model: Model, task: str, text: str) -> Iterator[Finding]:
    """Findings about a model with a task head, from one sample."""
    head = tasks.find(task).head
    assert head is not None
    example = head.inputs(task, text, model.describe().get("labels") or ())
    shown = head.shown(example)
    yield Finding("reads", None, f"{head.reads}, not prompts; for suites with task {task}")
    yield Finding("input", None, shown)
    started = perf_counter()
    names = tuple(name for name, _ in example.labels)
    response = _ask(model, Request(shown, choices=names, inputs=example))
    seconds = perf_counter() - started
    if not response.answered:
        yield Finding("answer", False, f"{response.status}: {response.error}", required=True)
        return
    yield Finding(
        "answer", True, response.text or "(none: the head finds no answer)", required=True
    )
    yield Finding("how", None, str(response.details.get("how", "")))
    if response.logprobs:
        yield Finding("choices", None, _compared(names, response))
    yield Finding("speed", None, f"{seconds:.2f} s for a single answer")


def _probe_text(model: Model, question: str) -> Iterator[Finding]:
    able = model.capabilities
    prompt = (Message("user", question),) if able.chat else question
    greedy = Generation(max_new_tokens=48)
    started = perf_counter()
    first = _ask(model, Request(prompt, greedy))
    seconds = perf_counter() - started
    yield Finding("prompt", None, first.sent or "not available from this backend")
    if not first.answered:
        yield Finding("answer", False, f"{first.status}: {first.error}", required=True)
        return
    yield Finding("answer", True, first.text.strip() or "(empty)", required=True)
    yield _speed(first, seconds)
    yield _system(model, question, greedy)
    yield _choices(model, question)
    yield _seeds(model, prompt if able.chat else question)


def _speed(response: Response, seconds: float) -> Finding:
    tokens = response.completion_tokens
    if not tokens:
        return Finding(
            "speed", None, f"{seconds:.2f} s for the answer; its number of tokens is unknown"
        )
    rate = f"{tokens / seconds:.1f} tokens/s for a single answer ({tokens} in {seconds:.2f} s)"
    return Finding("speed", None, rate)


def _system(model: Model, question: str, generation: Generation) -> Finding:
    if not model.capabilities.chat:
        return Finding("system prompts", False, "the model takes raw text only")
    prompt = (Message("system", SYSTEM), Message("user", question))
    response = _ask(model, Request(prompt, generation))
    if not response.answered:
        return Finding("system prompts", False, response.error)
    if not response.sent:
        return Finding("system prompts", True, "accepted; the final prompt is not available")
    shown = SYSTEM in response.sent
    return Finding(
        "system prompts", shown, "the chat template includes them" if shown
        else "the chat template omits them",
    )  # fmt: skip


def _choices(model: Model, question: str) -> Finding:
    if not model.capabilities.choices:
        return Finding("choices", False, "cannot be compared; write 'answer: text' in suites")
    prompt = (Message("user", question),) if model.capabilities.chat else question
    response = _ask(model, Request(prompt, choices=CHOICES))
    if not response.answered:
        return Finding("choices", False, f"{response.error}; write 'answer: text' in suites")
    return Finding("choices", True, _compared(CHOICES, response))


def _compared(choices: Sequence[str], response: Response) -> str:
    pairs = zip(choices, response.logprobs, strict=True)
    return ", ".join(f"log p({choice}) = {value:.3f}" for choice, value in pairs)


def _seeds(model: Model, prompt: str | tuple[Message, ...]) -> Finding:
    def text(seed: int) -> str | None:
        sampled = Generation(max_new_tokens=24, temperature=1.0, seed=seed)
        response = _ask(model, Request(prompt, sampled))
        return response.text if response.answered else None

    one, again, others = text(1), text(1), [text(2), text(3)]
    if one is None or again is None:
        return Finding("seeds", False, "the model does not sample")
    if one != again:
        return Finding("seeds", False, "the same seed gave two different texts")
    if all(other == one for other in others):
        return Finding(
            "seeds", None, "three seeds gave the same text; the model may not sample at all"
        )
    return Finding("seeds", True, "equal seeds give equal texts, other seeds give others")


def _ask(model: Model, request: Request) -> Response:
    """One response; an exception of the model becomes an error response."""
    try:
        return next(r for batch in model.respond([request]) for _, r in batch)
    except EvalkitError as error:
        return Response(Status.ERROR, error=str(error))
