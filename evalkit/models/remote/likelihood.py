"""Log-likelihoods of choices over the OpenAI protocol.

There are three methods; the first one that a server supports is used:

* ``completions-echo``: prompt and choice are one raw text, which the server returns with the
  log-probability of each token (``echo`` and ``logprobs`` of completions).
* ``chat-prompt-logprobs``: the choice is an assistant's turn to be continued, whose tokens are
  returned with log-probabilities (``prompt_logprobs``, an extension of vLLM).
* ``first-token``: the most likely first tokens of the answer (``top_logprobs``), if they
  distinguish the choices. This is an approximation: the rest of a choice is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, is_text, shown, to_openai
from evalkit.models.remote.failures import RequestRejectedError, TemporaryError
from evalkit.models.remote.prompts import messages
from evalkit.models.remote.replies import choice

TOP = 20
"""The number of first tokens; the protocol allows no more."""
ROUNDING = 0.01
"""How far above 0 rounding may lift the logarithm of a probability."""
REFERENCE = "\u241e"
"""A continuation that no choice begins with. It shows where the prompt ends."""


class NotOfferedError(Exception):
    """The server does not return what a method requires."""


def join_choice(prompt: str, continuation: str) -> str:
    """A raw text followed by a choice, joined as local models join them."""
    gap = "" if not prompt or prompt[-1].isspace() or continuation[:1].isspace() else " "
    return prompt + gap + continuation


# completions with echo


def echo_body(text: str) -> dict[str, Any]:
    """The body of a request that scores a raw text."""
    return {"prompt": text, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0}


def echoed(reply: Mapping[str, Any], text: str) -> list[tuple[int, float]]:
    """Offset and log-probability of each token of the text. Raises NotOfferedError."""
    found = choice(reply).get("logprobs")
    values = found.get("token_logprobs") if isinstance(found, dict) else None
    written = found.get("tokens") if isinstance(found, dict) else None
    if not isinstance(values, list) or not isinstance(written, list):
        raise NotOfferedError("the reply has no 'logprobs'")
    offsets = found.get("text_offset") if isinstance(found, dict) else None
    if not isinstance(offsets, list):
        offsets = [sum(map(len, written[:i])) for i in range(len(written))]
    inside = [
        # the first token follows nothing; a value that is missing later must not count as 0
        (int(offset), _number(0.0 if value is None and not place else value))
        for place, (offset, value) in enumerate(zip(offsets, values, strict=False))
        if offset < len(text)
    ]
    if len(inside) < 2 or not str(choice(reply).get("text", "")).startswith(text[:1]):
        raise NotOfferedError("the reply's 'logprobs' do not belong to the prompt")
    return inside


def from_echo(request: Request, scored: Sequence[Sequence[tuple[int, float]]]) -> Response:
    """The sum of each choice, from the last token border that all choices share."""
    assert is_text(request.prompt)
    end = len(request.prompt)
    border = min(max(o for o, _ in tokens_ if o <= end) for tokens_ in scored)
    sums = [[value for offset, value in tokens_ if offset >= border] for tokens_ in scored]
    return most_likely(
        request,
        [_sum(values) for values in sums],
        [len(values) for values in sums],
        {"choice_method": "completions-echo"},
    )


# chat with prompt log-probabilities


def continued_body(request: Request, continuation: str) -> dict[str, Any]:
    """The body of a request that scores a choice as the assistant's turn."""
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
    """Id and log-probability of each token of the prompt, from vLLM. Raises NotOfferedError.

    The first entry of each position is the token of the prompt; more likely tokens follow.
    """
    entries = reply.get("prompt_logprobs")
    if not isinstance(entries, list):
        entries = choice(reply).get("prompt_logprobs")
    if not isinstance(entries, list) or len(entries) < 2:
        raise NotOfferedError("the reply has no 'prompt_logprobs'")
    found = []
    for entry in entries:
        if not entry:  # the first token follows nothing
            found.append(("", 0.0))
            continue
        identity, value = next(iter(entry.items()))
        found.append((str(identity), _number(value["logprob"])))
    return found


def from_prompt_tokens(
    request: Request, scored: Sequence[Sequence[tuple[str, float]]], reference: Sequence[Any]
) -> Response:
    """The sum of each choice, from the first token in which any differs from ``reference``."""
    border = min(_common(tokens_, reference) for tokens_ in scored)
    sums = [[value for _, value in tokens_[border:]] for tokens_ in scored]
    if any(not values for values in sums):
        raise NotOfferedError("the choices cannot be distinguished from the prompt")
    return most_likely(
        request,
        [_sum(values) for values in sums],
        [len(values) for values in sums],
        {"choice_method": "chat-prompt-logprobs"},
    )


def _common(a: Sequence[tuple[str, float]], b: Sequence[tuple[str, float]]) -> int:
    size = min(len(a), len(b))
    return next((i for i in range(size) if a[i][0] != b[i][0]), size)


# the first token


def first_token_body(request: Request, limit: str) -> dict[str, Any]:
    """The body of a request for the most likely first tokens."""
    if is_text(request.prompt):
        return {"prompt": request.prompt, limit: 1, "temperature": 0, "logprobs": 5}
    turns = messages(request.prompt)
    return {"messages": turns, limit: 1, "temperature": 0, "logprobs": True, "top_logprobs": TOP}


def first_tokens(reply: Mapping[str, Any]) -> dict[str, float]:
    """The most likely first tokens with their log-probabilities.

    Raises NotOfferedError, and RequestRejectedError for an answer that a content filter stopped.
    """
    found = choice(reply).get("logprobs")
    if choice(reply).get("finish_reason") == "content_filter":
        raise RequestRejectedError("the server's content filter stopped the answer", moderated=True)
    if not isinstance(found, dict):
        raise NotOfferedError("the reply has no 'logprobs'")
    top_logprobs = found.get("top_logprobs")
    if (
        isinstance(top_logprobs, list) and top_logprobs and isinstance(top_logprobs[0], dict)
    ):  # of the completions
        return {str(token): _sum([_number(v)]) for token, v in top_logprobs[0].items()}
    content = found.get("content")
    if isinstance(content, list) and content and isinstance(content[0], dict):
        top_logprobs = content[0].get("top_logprobs") or [content[0]]
        return {str(t["token"]): _sum([_number(t["logprob"])]) for t in top_logprobs}
    raise NotOfferedError("the reply has no 'top_logprobs'")


def from_first_token(request: Request, reply: Mapping[str, Any]) -> Response:
    """Compare choices by the first token. A token counts for the only choice that begins with it.

    A choice that no token begins gets the lowest of their probabilities, which is an upper bound. A
    token that begins several choices counts for none; the details list it.

    Raises RequestRejectedError if such tokens could have changed the best choice.
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
        raise RequestRejectedError(
            f"the choices {both} begin with the same token '{piece}', so the first token cannot "
            "distinguish them; write 'answer: text' in the suite"
        )
    if not any(masses):
        likely = ", ".join(repr(token) for token in list(found)[:5])
        raise RequestRejectedError(
            f"no choice is among the {len(found)} most likely first tokens ({likely}, …); "
            "name the possible answers in the prompt, or write 'answer: text' in the suite"
        )
    least = min(found.values())
    logprobs = [_log_sum(values) if values else least for values in masses]
    absent = [request.choices[i] for i, values in enumerate(masses) if not values]
    details: dict[str, Any] = {"choice_method": "first-token"}
    if absent:
        details["not_among_first_tokens"] = absent
    if shared:
        details["shared_first_tokens"] = list(shared)
    return most_likely(request, logprobs, [1] * len(logprobs), details)


def _number(value: Any) -> float:
    """A log-probability from a reply; NaN if it is not a number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else math.nan


def _sum(values: Sequence[float]) -> float:
    """The sum of log-probabilities. Raises TemporaryError if one of them cannot be one."""
    for value in values:
        if not (math.isfinite(value) and value <= ROUNDING):
            raise TemporaryError(
                f"the server returned {value} as a log-probability; expected a finite number of at"
                " most 0"
            )
    return sum(values)


def _total(values: Iterable[float]) -> float:
    """The sum of probabilities given as logarithms."""
    return sum(map(math.exp, values))


def _lead(probabilities: Sequence[float]) -> float:
    """The difference between the two largest probabilities."""
    first, second, *_ = [*sorted(probabilities, reverse=True), 0.0]
    return first - second


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def most_likely(
    request: Request,
    logprobs: Sequence[float],
    counts: Sequence[int],
    details: Mapping[str, Any],
) -> Response:
    """The response with the most likely choice."""
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
