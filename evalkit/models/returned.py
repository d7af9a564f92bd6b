"""What an application returns for one request, as a response.

It is a text, a message of LangChain, or a mapping: ``text`` and any of ``contexts``, ``calls``,
``messages``, ``usage``, ``finish`` and ``details``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

from evalkit.errors import UsageError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, ToolCall, call_of, is_langchain, is_text, message_of, shown
from evalkit.passages import passages_of

KEYS = ("text", "contexts", "calls", "messages", "usage", "finish", "details")
_OLDER = ("prompt_tokens", "completion_tokens")
"""Keys that may stand beside ``usage``."""
_TOKENS = {
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
}


def response_of(raw: object, request: Request, seconds: float) -> Response:
    """The response in what an application returned. Raises TypeError, with what is expected."""
    try:
        return _response(raw, request, seconds)
    except UsageError as error:
        raise TypeError(str(error)) from None


def _response(raw: object, request: Request, seconds: float) -> Response:
    sent = shown(request.prompt)
    if isinstance(raw, str):
        return Response(Status.OK, text=raw, sent=sent, finish="stop", seconds=seconds)
    if is_langchain(raw):
        raw = {"messages": [raw], "usage": getattr(raw, "usage_metadata", None)}
    elif isinstance(raw, Mapping) and "role" in raw and "text" not in raw:
        raw = {"messages": [raw]}
    if not isinstance(raw, Mapping):
        raise TypeError(f"expected a text or a mapping with 'text', got {type(raw).__name__}")
    _refuse_misspelt(raw)
    messages = _messages(raw.get("messages"), request)
    calls = _calls(raw.get("calls"), messages)
    finish = str(raw.get("finish") or "stop")
    usage = _usage(raw)
    return Response(
        Status.TRUNCATED if finish == "length" else Status.OK,
        text=_text(raw, messages, calls),
        sent=sent,
        prompt_tokens=_tokens(usage, "prompt_tokens"),
        completion_tokens=_tokens(usage, "completion_tokens"),
        finish=finish,
        seconds=seconds,
        contexts=passages_of(raw.get("contexts")),
        calls=calls,
        messages=messages,
        cost=_cost(usage.get("cost")),
        details=_json_values(raw.get("details") or {}),
    )


def _refuse_misspelt(raw: Mapping[Any, Any]) -> None:
    """Raise TypeError for a key that is nearly a known one; others are the application's own."""
    for key in raw:
        if not isinstance(key, str) or key in (*KEYS, *_OLDER):
            continue
        close = get_close_matches(key.removeprefix("tool_"), KEYS, n=1, cutoff=0.85)
        if close and close[0] not in raw:
            raise TypeError(f"unknown key '{key}' in what it returned; did you mean '{close[0]}'?")


def _messages(value: object, request: Request) -> tuple[Message, ...]:
    """The messages after those of the prompt, which many applications return as well."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise TypeError(f"'messages' must be a list of messages, not {type(value).__name__}")
    messages = tuple(map(message_of, value))
    prompt = request.prompt
    asked = (Message("user", prompt),) if is_text(prompt) else prompt
    same = len(messages) >= len(asked) and all(
        (one.role, one.text) == (other.role, other.text)
        for one, other in zip(messages, asked, strict=False)
    )
    return messages[len(asked) :] if same else messages


def _calls(value: object, messages: tuple[Message, ...]) -> tuple[ToolCall, ...]:
    """The calls as returned, else those of the messages."""
    if value is None:
        return tuple(call for message in messages for call in message.tool_calls)
    if not isinstance(value, list | tuple):
        raise TypeError(f"'calls' must be a list of calls, not {type(value).__name__}")
    return tuple(map(call_of, value))


def _text(
    raw: Mapping[Any, Any], messages: tuple[Message, ...], calls: tuple[ToolCall, ...]
) -> str:
    """The text as returned, else that of the last message if an assistant wrote it."""
    if isinstance(text := raw.get("text"), str):
        return text
    if text is not None:
        raise TypeError(f"'text' must be a text, not {type(text).__name__}")
    if messages and messages[-1].role == "assistant":
        return messages[-1].text
    if calls or raw.get("contexts") is not None:
        return ""
    raise TypeError(
        "it returned a mapping without 'text', and no message of an assistant comes last"
    )


def _usage(raw: Mapping[Any, Any]) -> Mapping[str, Any]:
    usage = raw.get("usage") or {}
    if not isinstance(usage, Mapping):
        raise TypeError(
            "'usage' must be a mapping such as {'prompt_tokens': 120, 'completion_tokens': 8,"
            f" 'cost': 0.002}}, not {type(usage).__name__}"
        )
    return {**{name: raw[name] for name in _OLDER if name in raw}, **usage}


def _tokens(usage: Mapping[str, Any], name: str) -> int | None:
    value = next((usage[key] for key in _TOKENS[name] if usage.get(key) is not None), None)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise TypeError(f"'{name}' must be a whole number, not {value!r}")
    return value


def _cost(value: object) -> float | None:
    if value is None:
        return None
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not isfinite(value) or value < 0:  # type: ignore[arg-type,operator]
        raise TypeError(f"'cost' must be a number of 0 or more, not {value!r}")
    return float(value)  # type: ignore[arg-type]


def _json_values(details: Any) -> dict[str, Any]:
    """Details as the store returns them, so that a cached response equals a new one."""
    if not isinstance(details, Mapping):
        raise TypeError(f"'details' must be a dict of JSON values, not {type(details).__name__}")
    try:
        read: dict[str, Any] = json.loads(json.dumps(dict(details), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"'details' must hold JSON values: {error}") from None
    return read
