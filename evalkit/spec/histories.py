"""Messages in the data: a conversation so far, which the model is to continue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalkit.errors import UsageError, shortened, unknown
from evalkit.messages import Message, message_of

ROLES = ("system", "user", "assistant", "tool")


def history_of(value: object) -> tuple[Message, ...]:
    """The messages of a cell: a list in OpenAI's form, or such a list as JSON.

    Raises ValueError, which names the message, if the list is empty, a message is invalid, a system
    message does not come first, or the last message leaves nothing to answer.
    """
    listed = _listed(value)
    messages = tuple(_message(body, place) for place, body in enumerate(listed, start=1))
    for place, message in enumerate(messages[1:], start=2):
        if message.role == "system":
            raise ValueError(f"message {place} is a system message; it must come first")
    last = messages[-1]
    if last.role not in ("user", "tool"):
        raise ValueError(
            f"the last message is of the role {last.role}; the model answers a message of the user"
            " or a tool's result, so end with one"
        )
    return messages


def _listed(value: object) -> list[Any]:
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"the messages are not valid JSON: {error}") from None
    if isinstance(value, list | tuple) and value:
        return list(value)
    found = "nothing" if value in (None, "", [], ()) else shortened(value)
    raise ValueError(
        "expected a list of messages such as [{role: user, content: Hi}], found " + found
    )


def _message(body: Any, place: int) -> Message:
    if not isinstance(body, Mapping) or "role" not in body:
        hint = ""
        if isinstance(body, Mapping) and "from" in body:
            hint = "; rename 'from' to 'role' and 'value' to 'content'"
        raise ValueError(
            f"message {place}: expected a mapping such as {{role: user, content: Hi}}, found"
            f" {shortened(body)}{hint}"
        )
    role = body["role"]
    if role not in ROLES:
        raise ValueError(f"message {place}: {unknown('role', str(role), ROLES)}")
    _check_content(body, place)
    try:
        return message_of(body)
    except (UsageError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"message {place}: {error}") from None


def _check_content(body: Mapping[str, Any], place: int) -> None:
    content = body.get("content")
    if not isinstance(content, str | list | None):
        raise ValueError(
            f"message {place}: 'content' must be a text or a list of parts, found"
            f" {shortened(content)}"
        )
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, Mapping) else None
        if not isinstance(kind, str) or not isinstance(part.get(kind), str | Mapping):
            raise ValueError(
                f"message {place}: expected a part such as {{type: text, text: Hi}}, found"
                f" {shortened(part)}"
            )
    if body["role"] == "user" and not content:
        raise ValueError(f"message {place}: the content of the user's message is missing")
    if body["role"] == "assistant" and content is None and not body.get("tool_calls"):
        raise ValueError(f"message {place}: it has neither 'content' nor 'tool_calls'")
    if body["role"] == "tool" and content is None:
        raise ValueError(f"message {place}: the content of the tool's result is missing")
