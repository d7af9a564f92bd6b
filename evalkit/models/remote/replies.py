"""From the replies of the OpenAI protocol to responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalkit.exchange import Request, Response, Status
from evalkit.messages import shown
from evalkit.models.remote.failures import TemporaryError, cut
from evalkit.models.remote.prompts import before_stop


def choice(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The one answer in a reply. Raises TemporaryError when there is none."""
    found = reply.get("choices")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        said = cut(json.dumps(reply))
        raise TemporaryError(f"the server's reply has no answer in 'choices': {said}")
    return found[0]


def generated(request: Request, reply: Mapping[str, Any]) -> Response:
    """The response in a reply to a chat or a raw text."""
    answer = choice(reply)
    details: dict[str, Any] = {}
    message = answer.get("message")
    if isinstance(message, dict):
        text = written(message.get("content"))
        thinking = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(thinking, str) and thinking:
            details["thinking"] = thinking
        if message.get("refusal"):
            details["refusal"] = str(message["refusal"])
            text = text or str(message["refusal"])
    elif isinstance(answer.get("text"), str):
        text = answer["text"]
    else:
        said = cut(json.dumps(reply))
        raise TemporaryError(f"the server's reply has neither 'message' nor 'text': {said}")
    finish = str(answer.get("finish_reason") or "")
    if finish == "content_filter":
        details["content_filter"] = True
    if isinstance(reply.get("model"), str):
        details["model"] = reply["model"]
    if isinstance(reply.get("system_fingerprint"), str):
        details["system_fingerprint"] = reply["system_fingerprint"]
    prompt_tokens, completion_tokens = tokens(reply)
    return finished(
        request,
        text,
        finish,
        details=details,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def finished(
    request: Request,
    text: str,
    finish: str,
    *,
    details: Mapping[str, Any],
    prompt_tokens: int | None,
    completion_tokens: int | None,
) -> Response:
    """A response; ``finish`` in the words of the server."""
    text, stopped = before_stop(text, request.generation.stop)
    truncated = finish in ("length", "max_tokens") and not stopped
    return Response(
        Status.TRUNCATED if truncated else Status.OK,
        text=text,
        sent=shown(request.prompt),
        finish="length" if truncated else "stop_string" if stopped else finish or "stop",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        details=dict(details),
    )


def written(content: Any) -> str:
    """The text of a message: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [p if isinstance(p, str) else p.get("text") for p in content if p]
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def tokens(reply: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of prompt and answer, None where not told."""
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))


def count(value: Any) -> int | None:
    """A number of tokens, None where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
