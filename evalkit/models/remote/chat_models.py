"""Sending requests to a chat model of LangChain, and converting its messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from evalkit.errors import ModelError
from evalkit.exchange import Request, Response
from evalkit.messages import is_langchain, message_of, text_of
from evalkit.models.remote import prompts, replies

_FINISH = ("finish_reason", "done_reason", "stop_reason")
_LENGTH = ("length", "max_tokens", "MAX_TOKENS")


async def send(model: Any, request: Request, **arguments: Any) -> Response:
    """One response. arguments: passed on to the call. Raises what the model's library raises.

    Raises ModelError for a request with tools if the model's class does not bind any.
    """
    if request.tools:
        model = _with_tools(model, request.tools)
    answer = await model.ainvoke(prompts.messages(request.prompt), **arguments)
    return response(request, answer)


def _with_tools(model: Any, tools: str) -> Any:
    try:
        return model.bind_tools(json.loads(tools))
    except (NotImplementedError, AttributeError):
        raise ModelError(
            f"{type(model).__name__} has no tools ('bind_tools'); write 'tools_form: hermes' in the"
            " suite, which describes them in a system message"
        ) from None


def response(request: Request, answer: Any) -> Response:
    """The response from an ``AIMessage``."""
    metadata: Mapping[str, Any] = getattr(answer, "response_metadata", None) or {}
    used: Mapping[str, Any] = getattr(answer, "usage_metadata", None) or {}
    more: Mapping[str, Any] = getattr(answer, "additional_kwargs", None) or {}
    details: dict[str, Any] = {}
    thinking = more.get("reasoning_content") or _thinking_parts(answer.content)
    name = metadata.get("model_name") or metadata.get("model")
    if isinstance(name, str):
        details["model"] = name
    finish = next((str(metadata[key]) for key in _FINISH if metadata.get(key)), "")
    return replies.build_response(
        request,
        text_of(answer.content),
        "length" if finish in _LENGTH else finish,
        thinking=thinking if isinstance(thinking, str) and thinking else None,
        details=details,
        prompt_tokens=replies.token_count(used.get("input_tokens")),
        completion_tokens=replies.token_count(used.get("output_tokens")),
        calls=message_of(answer).tool_calls if is_langchain(answer) else (),
    )


def _thinking_parts(content: Any) -> str:
    """The thinking in a message that consists of parts; else ""."""
    if not isinstance(content, list):
        return ""
    parts = [part for part in content if isinstance(part, dict)]
    return "".join(str(p.get("thinking") or p.get("reasoning") or "") for p in parts)


def versions(*packages: str) -> dict[str, str | None]:
    """Installed versions by package; None for a package that is not installed."""

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    return {name: installed(name) for name in packages}
