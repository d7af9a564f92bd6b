"""Messages and prompts in one form for all of evalkit.

Servers, chat templates and files take them in OpenAI's form; :func:`to_openai` and
:func:`from_openai` are the only places that know it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from evalkit.errors import UsageError, shortened

if TYPE_CHECKING:
    from typing_extensions import TypeIs

PartKind = Literal["text", "image_url"]


@dataclass(frozen=True, slots=True)
class ContentPart:
    """One part of a message's content."""

    kind: PartKind
    value: str
    """The text, or the image's address (``https:`` or ``data:``)."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's request to call a function."""

    id: str
    """The id that the result of the call refers to."""
    name: str
    """Of the function."""
    arguments: str
    """JSON, as the model wrote it."""

    @property
    def values(self) -> dict[str, Any] | None:
        """The arguments by name; None if they are not a JSON object."""
        try:
            found = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def plain(self) -> dict[str, Any]:
        """As JSON values: id, name and arguments (the text itself if it is not a JSON object)."""
        values = self.values
        arguments = self.arguments if values is None else values
        return {"id": self.id, "name": self.name, "arguments": arguments}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: system, user, assistant or tool."""

    role: str
    """``system``, ``user``, ``assistant`` or ``tool``."""
    content: str | tuple[ContentPart, ...] = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """Function calls that an assistant requests."""
    tool_call_id: str = ""
    """Of the result of a tool: the call that it answers."""
    name: str = ""
    """Who speaks, where several share a role; of a tool's result, the function."""

    @property
    def text(self) -> str:
        """The text of the content, without images."""
        if isinstance(self.content, str):
            return self.content
        return "\n\n".join(part.value for part in self.content if part.kind == "text")


Prompt = str | tuple[Message, ...]
"""A raw text for plain completion, or the messages of a chat."""


def is_text(prompt: Prompt) -> TypeIs[str]:
    """Whether a prompt is a raw text rather than the messages of a chat."""
    return isinstance(prompt, str)


def shown(prompt: Prompt) -> str:
    """A prompt as readable text, where no chat template applies."""
    if is_text(prompt):
        return prompt
    return "\n\n".join(f"{message.role}: {message.text}" for message in prompt)


def last_question(prompt: Prompt) -> str:
    """The user's last message, or the whole of a raw text."""
    if is_text(prompt):
        return prompt
    return next((m.text for m in reversed(prompt) if m.role == "user"), "")


def conversation(prompt: Prompt) -> str:
    """What a model answers, as readable text: the user's only message, or all after the system's.

    Each of several messages stands under its role; calls of tools are written like functions.
    """
    if is_text(prompt):
        return prompt
    turns = [message for message in prompt if message.role != "system"]
    if len(turns) == 1:
        return turns[0].text
    return "\n\n".join(f"{message.role}: {_said(message)}" for message in turns)


def _said(message: Message) -> str:
    calls = (f"{call.name}({call.arguments})" for call in message.tool_calls)
    return "\n".join(filter(None, (message.text, *calls)))


def size(prompt: Prompt) -> int:
    """Characters of a prompt."""
    return len(prompt) if is_text(prompt) else sum(len(message.text) for message in prompt)


def canonical(prompt: Prompt) -> object:
    """A prompt as JSON values, to be hashed: a message of text alone is its role and content.

    Keys of cached responses depend on it: what it returns for a prompt never changes.
    """
    return prompt if is_text(prompt) else [_canonical(message) for message in prompt]


def _canonical(message: Message) -> list[object]:
    body = _to_openai(message)
    return [body.pop("role"), body.pop("content"), *([body] if body else [])]


def plain(prompt: Prompt) -> str | list[dict[str, Any]]:
    """A prompt as JSON values: the text, or the messages in OpenAI's form."""
    return prompt if is_text(prompt) else to_openai(prompt)


def to_openai(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in OpenAI's form: ``{"role", "content"}``, and further keys where they are set."""
    return [_to_openai(message) for message in messages]


def _to_openai(message: Message) -> dict[str, Any]:
    content = message.content
    body: dict[str, Any] = {
        "role": message.role,
        "content": content if isinstance(content, str) else [_to_part(part) for part in content],
    }
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    if message.name:
        body["name"] = message.name
    return body


def _to_part(part: ContentPart) -> dict[str, Any]:
    value = part.value if part.kind == "text" else {"url": part.value}
    return {"type": part.kind, part.kind: value}


def from_openai(prompt: str | Sequence[Mapping[str, Any]]) -> Prompt:
    """A prompt from a text or from messages in OpenAI's form.

    Raises UsageError for anything else.
    """
    return prompt if isinstance(prompt, str) else tuple(map(_from_openai, prompt))


def _from_openai(body: Mapping[str, Any]) -> Message:
    if not isinstance(body, Mapping) or "role" not in body:
        raise UsageError(
            f"expected a message such as {{'role': 'user', 'content': 'Hi'}}, found {body!r}"
        )
    content = body.get("content") or ""
    return Message(
        role=str(body["role"]),
        content=content if isinstance(content, str) else tuple(map(_from_part, content)),
        tool_calls=tuple(call_of(call) for call in body.get("tool_calls") or ()),
        tool_call_id=body.get("tool_call_id") or "",
        name=body.get("name") or "",
    )


def _from_part(body: Mapping[str, Any]) -> ContentPart:
    for kind in get_args(PartKind):
        if body.get("type") == kind:
            value = body[kind]
            return ContentPart(kind, value if isinstance(value, str) else value["url"])
    known = ", ".join(get_args(PartKind))
    raise UsageError(f"unknown content part {body.get('type')!r}; expected one of: {known}")


def call_of(value: object) -> ToolCall:
    """A call from one of the common forms.

    value: OpenAI's ``{"id", "function": {"name", "arguments"}}``, the flat ``{"name",
    "arguments"}`` or LangChain's ``{"name", "args"}``. Arguments are a mapping, or JSON as a text;
    a text that is not JSON is kept as it is. Raises UsageError for anything else.
    """
    if isinstance(value, ToolCall):
        return value
    flat = value.get("function", value) if isinstance(value, Mapping) else value
    name = flat.get("name") if isinstance(flat, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(flat, Mapping) or not name:
        raise UsageError(
            "expected a call such as {'name': 'weather', 'arguments': {'city': 'Paris'}}, found"
            f" {shortened(value)}"
        )
    arguments = flat.get("arguments", flat.get("args"))
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, str):
        try:
            arguments = json.dumps(arguments, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"arguments of call '{name}' must be JSON values: {error}") from None
    return ToolCall(str(value.get("id") or ""), str(name), arguments)


_LANGCHAIN_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


def message_of(value: object) -> Message:
    """A message from evalkit's own form, OpenAI's, or an object of LangChain's.

    Raises UsageError for anything else.
    """
    if isinstance(value, Message):
        return value
    if is_langchain(value):
        return _from_langchain(value)
    if not isinstance(value, Mapping):
        raise UsageError(
            "expected a message such as {'role': 'user', 'content': 'Hi'}, found"
            f" {shortened(value)}"
        )
    return _from_openai(value)


def is_langchain(value: object) -> bool:
    """Whether a value is a message of LangChain, which need not be installed."""
    return hasattr(value, "content") and getattr(value, "type", None) in _LANGCHAIN_ROLES


def _from_langchain(value: Any) -> Message:
    unread = [
        ToolCall(str(call.get("id") or ""), str(call.get("name") or ""), str(call.get("args")))
        for call in getattr(value, "invalid_tool_calls", None) or ()
    ]
    return Message(
        role=_LANGCHAIN_ROLES[value.type],
        content=text_of(value.content),
        tool_calls=(*map(call_of, getattr(value, "tool_calls", None) or ()), *unread),
        tool_call_id=str(getattr(value, "tool_call_id", None) or ""),
        name=str(getattr(value, "name", None) or ""),
    )


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of strings and parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
    return "".join(part for part in parts if isinstance(part, str))
