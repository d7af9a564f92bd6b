"""Log-likelihoods of choices from the OpenAI protocol, where a server gives them.

Three methods, the first that a server knows:

* ``completions-echo``: prompt and choice as one raw text, returned with the log-probability of each
  token (``echo`` and ``logprobs`` of the completions).
* ``chat-prompt-logprobs``: the choice as an assistant's turn to be continued, whose tokens come
  back with log-probabilities (``prompt_logprobs``, an extension of vLLM).
* ``first-token``: the likeliest first tokens of the answer (``top_logprobs``), where these tell
  the choices apart. An approximation: it does not ask how the choice goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, is_text, shown, to_openai
from evalkit.models.remote.failures import RefusedError
from evalkit.models.remote.prompts import messages
from evalkit.models.remote.replies import choice

TOP = 20
"""First tokens asked for; more than that no server of the protocol gives."""
REFERENCE = "\u241e"
"""A choice that begins like none: it shows where the prompt ends."""


class NotOfferedError(Exception):
    """The server does not give what this method needs."""


def joined(prompt: str, continuation: str) -> str:
    """A raw text with a choice after it, joined as the local models join them."""
    gap = "" if not prompt or prompt[-1].isspace() or continuation[:1].isspace() else " "
    return prompt + gap + continuation


# completions with echo


def echo_body(text: str) -> dict[str, Any]:
    """The body that has a raw text scored."""
    return {"prompt": text, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0}


def echoed(reply: Mapping[str, Any], text: str) -> list[tuple[int, float]]:
    """Offset and log-probability of each token of the text. Raises NotOfferedError."""
    found = choice(reply).get("logprobs")
    values = found.get("token_logprobs") if isinstance(found, dict) else None
    written = found.get("tokens") if isinstance(found, dict) else None
    if not isinstance(values, list) or not isinstance(written, list):
        raise NotOfferedError("no 'logprobs' in the reply")
    offsets = found.get("text_offset") if isinstance(found, dict) else None
    if not isinstance(offsets, list):
        offsets = [sum(map(len, written[:i])) for i in range(len(written))]
    inside = [
        (int(offset), 0.0 if value is None else float(value))
        for offset, value in zip(offsets, values, strict=False)
        if offset < len(text)
    ]
    if len(inside) < 2 or not str(choice(reply).get("text", "")).startswith(text[:1]):
        raise NotOfferedError("the reply's 'logprobs' are not those of the prompt")
    return inside


def from_echo(request: Request, scored: Sequence[Sequence[tuple[int, float]]]) -> Response:
    """The choices' sums, from the last border of tokens that all of them share."""
    assert is_text(request.prompt)
    end = len(request.prompt)
    border = min(max(o for o, _ in tokens_ if o <= end) for tokens_ in scored)
    sums = [[value for offset, value in tokens_ if offset >= border] for tokens_ in scored]
    return chosen(
        request,
        [sum(values) for values in sums],
        [len(values) for values in sums],
        {"choice_method": "completions-echo"},
    )


# chat with prompt log-probabilities


def continued_body(request: Request, continuation: str) -> dict[str, Any]:
    """The body that has a choice scored as the assistant's turn."""
    assert not is_text(request.prompt)
    turns = list(request.prompt)
    begun = turns.pop().text if turns and turns[-1].role == "assistant" else ""
    return {
        "messages": to_openai([*turns, Message("assistant", begun + continuation)]),
        "max_tokens": 1,
        "temperature": 0,
        "prompt_logprobs": 1,
        "add_generation_prompt": False,
        "continue_final_message": True,
    }


def prompt_tokens_of(reply: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Id and log-probability of each token of the prompt, as vLLM tells. Raises NotOfferedError.

    Each token has the entry of the token that stands there first, and then likelier ones.
    """
    entries = reply.get("prompt_logprobs")
    if not isinstance(entries, list):
        entries = choice(reply).get("prompt_logprobs")
    if not isinstance(entries, list) or len(entries) < 2:
        raise NotOfferedError("no 'prompt_logprobs' in the reply")
    found = []
    for entry in entries:
        if not entry:  # the first token follows nothing
            found.append(("", 0.0))
            continue
        identity, value = next(iter(entry.items()))
        found.append((str(identity), float(value["logprob"])))
    return found


def from_prompt_tokens(
    request: Request, scored: Sequence[Sequence[tuple[str, float]]], reference: Sequence[Any]
) -> Response:
    """The choices' sums, from the first token in which any differs from ``reference``."""
    border = min(_common(tokens_, reference) for tokens_ in scored)
    sums = [[value for _, value in tokens_[border:]] for tokens_ in scored]
    if any(not values for values in sums):
        raise NotOfferedError("the choices cannot be told from the prompt")
    return chosen(
        request,
        [sum(values) for values in sums],
        [len(values) for values in sums],
        {"choice_method": "chat-prompt-logprobs"},
    )


def _common(a: Sequence[tuple[str, float]], b: Sequence[tuple[str, float]]) -> int:
    size = min(len(a), len(b))
    return next((i for i in range(size) if a[i][0] != b[i][0]), size)


# the first token


def first_token_body(request: Request, limit: str) -> dict[str, Any]:
    """The body that asks for the likeliest first tokens."""
    if is_text(request.prompt):
        return {"prompt": request.prompt, limit: 1, "temperature": 0, "logprobs": 5}
    turns = messages(request.prompt)
    return {"messages": turns, limit: 1, "temperature": 0, "logprobs": True, "top_logprobs": TOP}


def first_tokens(reply: Mapping[str, Any]) -> dict[str, float]:
    """The likeliest first tokens with their log-probabilities.

    Raises NotOfferedError, RefusedError for an answer that a content filter stopped.
    """
    found = choice(reply).get("logprobs")
    if choice(reply).get("finish_reason") == "content_filter":
        raise RefusedError("the server's content filter stopped the answer", moderated=True)
    if not isinstance(found, dict):
        raise NotOfferedError("no 'logprobs' in the reply")
    tops = found.get("top_logprobs")
    if isinstance(tops, list) and tops and isinstance(tops[0], dict):  # of the completions
        return {str(token): float(value) for token, value in tops[0].items()}
    content = found.get("content")
    if isinstance(content, list) and content and isinstance(content[0], dict):
        tops = content[0].get("top_logprobs") or [content[0]]
        return {str(t["token"]): float(t["logprob"]) for t in tops}
    raise NotOfferedError("no 'top_logprobs' in the reply")


def from_first_token(request: Request, reply: Mapping[str, Any]) -> Response:
    """The choices by the first token. A token counts for the one choice that begins with it.

    A choice that none of the tokens begins is given the least of their probabilities: it has at
    most that. A token that begins several counts for none; the details list it. Raises RefusedError
    when such tokens could have decided otherwise, so that the first token tells nothing.
    """
    found = first_tokens(reply)
    starts = [c.strip() for c in request.choices]
    masses: list[list[float]] = [[] for _ in starts]
    shared: dict[str, float] = {}
    for token, value in found.items():
        piece = token.strip()
        owners = [i for i, start in enumerate(starts) if piece and start.startswith(piece)]
        if len(owners) > 1:
            shared[token] = value
        elif owners:
            masses[owners[0]].append(value)
    if shared and _total(shared.values()) >= _lead([_total(values) for values in masses]):
        piece = max(shared, key=shared.__getitem__).strip()
        both = " and ".join([f"'{start}'" for start in starts if start.startswith(piece)][:2])
        raise RefusedError(
            f"the choices {both} begin with the same token '{piece}', so the first token does "
            "not tell them apart; write 'answer: text' in the suite"
        )
    if not any(masses):
        likely = ", ".join(repr(token) for token in list(found)[:5])
        raise RefusedError(
            f"none of the choices is among the {len(found)} likeliest first tokens ({likely}, …); "
            "tell the model in the prompt what to answer with, or write 'answer: text'"
        )
    least = min(found.values())
    logprobs = [_log_sum(values) if values else least for values in masses]
    absent = [request.choices[i] for i, values in enumerate(masses) if not values]
    details: dict[str, Any] = {"choice_method": "first-token"}
    if absent:
        details["not_among_first_tokens"] = absent
    if shared:
        details["shared_first_tokens"] = list(shared)
    return chosen(request, logprobs, [1] * len(logprobs), details)


def _total(values: Iterable[float]) -> float:
    """The probability of all of some log-probabilities."""
    return sum(map(math.exp, values))


def _lead(probabilities: Sequence[float]) -> float:
    """By how much the largest is above the next."""
    first, second, *_ = [*sorted(probabilities, reverse=True), 0.0]
    return first - second


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def chosen(
    request: Request,
    logprobs: Sequence[float],
    counts: Sequence[int],
    details: Mapping[str, Any],
) -> Response:
    """The response with the likeliest choice."""
    best = max(range(len(logprobs)), key=logprobs.__getitem__)
    return Response(
        Status.OK,
        text=request.choices[best],
        sent=shown(request.prompt),
        logprobs=tuple(logprobs),
        choice_tokens=tuple(counts),
        finish="stop",
        details=dict(details),
    )
