"""Turns replies of the OpenAI protocol into responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalkit.errors import UsageError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import ToolCall, call_of, shown, text_of
from evalkit.models.remote.failures import RequestRejectedError, TemporaryError, shorten
from evalkit.models.remote.prompts import before_stop

_FILTERED = frozenset(
    ("content_filter", "content_filtered", "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII")
)
"""Reasons for the end of an answer that mean that a filter of the service withheld it."""
_FAILED = frozenset(("error", "abort", "cancelled"))
"""Reasons for the end of an answer that mean that the server did not finish it."""


def choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in a reply.

    Raises TemporaryError if there is none, RequestRejectedError if a filter withheld it.
    """
    found = reply.get("choices")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        excerpt = shorten(json.dumps(reply))
        raise TemporaryError(f"the server's reply has no answer in 'choices': {excerpt}")
    answer: dict[str, Any] = found[0]
    finish = answer.get("finish_reason")
    refuse_filtered(finish)
    if isinstance(finish, str) and finish in _FAILED:
        raise TemporaryError(f"the server did not finish its answer (finish_reason: {finish})")
    return answer


def refuse_filtered(finish: Any) -> None:
    """Raise RequestRejectedError if an answer ended because a filter of the service withheld it:
    what came back is not the model's answer."""
    if isinstance(finish, str) and finish in _FILTERED:
        raise RequestRejectedError(
            f"a content filter of the service withheld the answer ({finish})", moderated=True
        )


def parse_reply(request: Request, reply: Mapping[str, Any]) -> Response:
    """The response from a reply to a chat or a raw text.

    Raises TemporaryError for a reply without an answer, RequestRejectedError for a withheld one.
    """
    answer = choice(reply)
    details: dict[str, Any] = {}
    thinking: str | None = None
    calls: tuple[ToolCall, ...] = ()
    message = answer.get("message")
    if isinstance(message, dict):
        calls = calls_of(message)
        apart = message.get("reasoning_content") or message.get("reasoning")
        thinking = apart if isinstance(apart, str) and apart else None
        if message.get("refusal"):
            details["refusal"] = str(message["refusal"])
        refusal = details.get("refusal")
        text = _written(message, otherwise=refusal or ("" if thinking or calls else None))
    elif isinstance(answer.get("text"), str):
        text = answer["text"]
    else:
        excerpt = shorten(json.dumps(reply))
        raise TemporaryError(f"the server's reply has neither 'message' nor 'text': {excerpt}")
    finish = str(answer.get("finish_reason") or "")
    if isinstance(reply.get("model"), str):
        details["model"] = reply["model"]
    if isinstance(reply.get("system_fingerprint"), str):
        details["system_fingerprint"] = reply["system_fingerprint"]
    prompt_tokens, completion_tokens = token_usage(reply)
    return build_response(
        request,
        text,
        finish,
        thinking=thinking,
        details=details,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        calls=calls,
    )


def build_response(
    request: Request,
    text: str,
    finish: str,
    *,
    thinking: str | None = None,
    details: Mapping[str, Any],
    prompt_tokens: int | None,
    completion_tokens: int | None,
    calls: tuple[ToolCall, ...] = (),
) -> Response:
    """A response. finish: the server's reason for the end of the answer.

    Raises RequestRejectedError if a filter withheld it.
    """
    refuse_filtered(finish)
    text, stopped = before_stop(text, request.generation.stop)
    truncated = finish in ("length", "max_tokens") and not stopped
    return Response(
        Status.TRUNCATED if truncated else Status.OK,
        text=text,
        sent=shown(request.prompt),
        finish="length" if truncated else "stop_string" if stopped else finish or "stop",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        thinking=thinking,
        calls=calls,
        details=dict(details),
    )


def _written(message: Mapping[str, Any], *, otherwise: str | None) -> str:
    """The text of a message. otherwise: what it is if there is none; None: that is no answer."""
    content = message.get("content")
    if content is None and otherwise is not None:
        return otherwise
    if not isinstance(content, str | list) or (
        isinstance(content, list) and not all(isinstance(one, str | Mapping) for one in content)
    ):
        excerpt = shorten(json.dumps(content, default=str))
        raise TemporaryError(f"the server's reply has no text in 'content', but {excerpt}")
    return text_of(content) or otherwise or ""


def calls_of(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The calls in a message. Raises TemporaryError if one has no name."""
    calls = message.get("tool_calls") or ()
    if not isinstance(calls, list | tuple):
        raise TemporaryError(f"the calls in the server's reply are a {type(calls).__name__}")
    try:
        return tuple(map(call_of, calls))
    except UsageError as error:
        raise TemporaryError(
            f"the server's reply has a call that cannot be read: {error}"
        ) from None


def token_usage(reply: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The tokens of prompt and answer; None if the server does not report them."""
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return token_count(usage.get("prompt_tokens")), token_count(usage.get("completion_tokens"))


def token_count(value: Any) -> int | None:
    """A number of tokens; None for another value."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
