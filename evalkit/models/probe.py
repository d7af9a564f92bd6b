"""What a model can do, found out by asking it: a few short requests, for people to read."""

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
    """One thing found out. works: None where it is a fact and not a question of working.

    vital: the model is of no use without it.
    """

    what: str
    works: bool | None
    said: str
    vital: bool = False


def probe(model: Model, question: str = "") -> Iterator[Finding]:
    """Reach a model and ask it; each finding as soon as it is known. Frees the model.

    question: "" for one that suits the model.
    """
    started = perf_counter()
    try:
        model.load()
    except EvalkitError as error:
        yield Finding("reached", False, str(error), vital=True)
        return
    try:
        yield Finding("reached", True, f"in {perf_counter() - started:.1f} s", vital=True)
        yield from _facts(model)
        if model.capabilities.inputs:
            for task in model.capabilities.inputs:
                yield from _read(model, task, question)
        else:
            yield from _asked(model, question or QUESTION)
    finally:
        model.close()


def _facts(model: Model) -> Iterator[Finding]:
    described = dict(model.describe())
    context = described.pop("context_length", None)
    yield Finding("model", None, ", ".join(f"{k} {v}" for k, v in described.items()))
    length = f"{context} tokens" if context else "not known"
    yield Finding("context length", None, length)


def _read(model: Model, task: str, text: str) -> Iterator[Finding]:
    """What a model with a task head makes of one sample."""
    head = tasks.find(task).head
    assert head is not None
    example = head.inputs(task, text, model.describe().get("labels") or ())
    shown = head.shown(example)
    yield Finding("reads", None, f"{head.reads}, not prompts; for suites of task {task}")
    yield Finding("input", None, shown)
    started = perf_counter()
    names = tuple(name for name, _ in example.labels)
    response = _ask(model, Request(shown, choices=names, inputs=example))
    seconds = perf_counter() - started
    if not response.answered:
        yield Finding("answer", False, f"{response.status}: {response.error}", vital=True)
        return
    yield Finding("answer", True, response.text or "(none: there is no answer)", vital=True)
    yield Finding("how", None, str(response.details.get("how", "")))
    if response.logprobs:
        yield Finding("choices", None, _compared(names, response))
    yield Finding("speed", None, f"{seconds:.2f} s for one answer alone")


def _asked(model: Model, question: str) -> Iterator[Finding]:
    able = model.capabilities
    prompt = (Message("user", question),) if able.chat else question
    greedy = Generation(max_new_tokens=48)
    started = perf_counter()
    first = _ask(model, Request(prompt, greedy))
    seconds = perf_counter() - started
    yield Finding("prompt", None, first.sent or "not shown by this backend")
    if not first.answered:
        yield Finding("answer", False, f"{first.status}: {first.error}", vital=True)
        return
    yield Finding("answer", True, first.text.strip() or "(nothing was written)", vital=True)
    yield _speed(first, seconds)
    yield _system(model, question, greedy)
    yield _choices(model, question)
    yield _seeds(model, prompt if able.chat else question)


def _speed(response: Response, seconds: float) -> Finding:
    tokens = response.completion_tokens
    if not tokens:
        return Finding("speed", None, f"{seconds:.2f} s for the answer; its tokens are not counted")
    said = f"{tokens / seconds:.1f} tokens/s, one answer alone ({tokens} in {seconds:.2f} s)"
    return Finding("speed", None, said)


def _system(model: Model, question: str, generation: Generation) -> Finding:
    if not model.capabilities.chat:
        return Finding("system prompts", False, "it takes raw text only")
    prompt = (Message("system", SYSTEM), Message("user", question))
    response = _ask(model, Request(prompt, generation))
    if not response.answered:
        return Finding("system prompts", False, response.error)
    if not response.sent:
        return Finding("system prompts", True, "taken; what becomes of them is not shown")
    shown = SYSTEM in response.sent
    return Finding(
        "system prompts", shown, "the chat template shows them" if shown
        else "the chat template leaves them out",
    )  # fmt: skip


def _choices(model: Model, question: str) -> Finding:
    if not model.capabilities.choices:
        return Finding("choices", False, "not comparable; write 'answer: text' in suites")
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
        return Finding("seeds", False, "it does not sample")
    if one != again:
        return Finding("seeds", False, "the same seed gave two different texts")
    if all(other == one for other in others):
        return Finding("seeds", None, "three seeds gave the same text: it may not sample at all")
    return Finding("seeds", True, "the same seed gives the same text, another seed another")


def _ask(model: Model, request: Request) -> Response:
    """One response; a model that breaks over a request says why in it."""
    try:
        return next(r for batch in model.respond([request]) for _, r in batch)
    except EvalkitError as error:
        return Response(Status.ERROR, error=str(error))
