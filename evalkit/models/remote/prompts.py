"""Prompts and generation parameters as servers take them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request
from evalkit.messages import Message, Prompt, is_text, to_openai

DEFAULTS = Generation()


def messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The messages of a chat, for a server. A raw text is none: see ``check``."""
    return to_openai((Message("user", prompt),) if is_text(prompt) else prompt)


def check(
    name: str,
    requests: Sequence[Request],
    *,
    understood: Collection[str],
    instead: str,
    text: bool = True,
) -> None:
    """Raise ModelError when requests ask for what the backend cannot pass on.

    understood: generation parameters beyond the number of new tokens, the temperature and the stop
    strings. instead: what to do about another. text: whether raw texts can be sent.
    """
    for generation in {request.generation for request in requests}:
        for parameter in asked(generation):
            if parameter not in understood:
                value = getattr(generation, parameter)
                raise ModelError(
                    f"'{name}' cannot be told {parameter}: {value}, which the suite's 'generation:'"
                    f" asks for. {instead}"
                )
    if not text and any(is_text(request.prompt) for request in requests):
        raise ModelError(
            f"'{name}' takes chats alone, and this suite's prompt is a raw text ('text:'); write it"
            " as 'user:'"
        )


def asked(generation: Generation) -> list[str]:
    """Parameters that matter to an answer here and are not the default.

    ``top_k``, ``top_p`` and ``seed`` play no part in greedy generation.
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
    """The seed of one request; repeats of the same request have others."""
    return (request.generation.seed + 1_000_003 * request.repeat) % 2**31


def before_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """The text before the first stop string, and whether there was one.

    Some servers leave the stop string in.
    """
    places = [place for s in stop if s and (place := text.find(s)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
