"""Prompts and generation parameters in the form that servers take."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request
from evalkit.messages import Message, Prompt, is_text, to_openai

DEFAULTS = Generation()


def messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The messages of a chat; a raw text becomes a user message (see ``check_supported``)."""
    return to_openai((Message("user", prompt),) if is_text(prompt) else prompt)


def check_supported(
    name: str,
    requests: Sequence[Request],
    *,
    understood: Collection[str],
    advice: str,
    text: bool = True,
) -> None:
    """Raise ModelError if requests use what a backend cannot send.

    understood: supported generation parameters besides the number of new tokens, temperature and
    stop strings. instead: what to do about other parameters. text: whether raw texts are supported.
    """
    for generation in {request.generation for request in requests}:
        for parameter in used_parameters(generation):
            if parameter not in understood:
                value = getattr(generation, parameter)
                raise ModelError(
                    f"'{name}' does not support {parameter}: {value} of the suite's 'generation:'."
                    f" {advice}"
                )
    if any(request.tools and is_text(request.prompt) for request in requests):
        raise ModelError(
            f"'{name}' takes tools only with chats, and this suite's prompt is a raw text"
            " ('text:'); write it as 'user:'"
        )
    if not text and any(is_text(request.prompt) for request in requests):
        raise ModelError(
            f"'{name}' supports only chats, and this suite's prompt is a raw text ('text:'); write"
            " it as 'user:'"
        )


def used_parameters(generation: Generation) -> list[str]:
    """The parameters that affect an answer and differ from their default.

    Greedy generation ignores ``top_k``, ``top_p`` and ``seed``.
    """
    found = []
    if generation.temperature > 0:
        found += [n for n in ("top_k", "top_p") if getattr(generation, n) is not None]
        found.append("seed")
    for name in ("num_beams", "repetition_penalty"):
        if getattr(generation, name) != getattr(DEFAULTS, name):
            found.append(name)
    return found


def seed(request: Request) -> int:
    """The seed of a request; its repeats have different seeds."""
    return (request.generation.seed + 1_000_003 * request.repeat) % 2**31


def before_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """The text before the first stop string, and whether there is one.

    Some servers return the stop string.
    """
    places = [place for s in stop if s and (place := text.find(s)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
