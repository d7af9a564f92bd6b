"""The meaning of client libraries' exceptions, by their documented types.

No library is imported for this: one that was never imported has raised nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any


class FailureKind(Enum):
    """The kind of a failure without HTTP status, the most specific first."""

    UNREACHABLE = "no server listens at the address"
    TIMEOUT = "no response in time"
    DISCONNECTED = "the connection broke"
    INVALID_JSON = "the reply is not valid JSON"


_HTTPX = {
    "ConnectTimeout": FailureKind.UNREACHABLE,
    "ConnectError": FailureKind.UNREACHABLE,
    "TimeoutException": FailureKind.TIMEOUT,
    "TransportError": FailureKind.DISCONNECTED,
}
LIBRARIES: Mapping[str, Mapping[str, FailureKind]] = {
    "httpx": _HTTPX,
    "httpx2": _HTTPX,
    "openai": {
        "APITimeoutError": FailureKind.TIMEOUT,
        "APIConnectionError": FailureKind.DISCONNECTED,
    },
    "huggingface_hub.errors": {"InferenceTimeoutError": FailureKind.TIMEOUT},
    "aiohttp": {
        "ServerTimeoutError": FailureKind.TIMEOUT,
        "ClientConnectorError": FailureKind.UNREACHABLE,
        "ClientConnectionError": FailureKind.DISCONNECTED,
        "ClientPayloadError": FailureKind.DISCONNECTED,
    },
    "requests": {
        "ConnectTimeout": FailureKind.UNREACHABLE,
        "Timeout": FailureKind.TIMEOUT,
        "ConnectionError": FailureKind.DISCONNECTED,
    },
    "urllib3.exceptions": {
        "NewConnectionError": FailureKind.UNREACHABLE,
        "TimeoutError": FailureKind.TIMEOUT,
    },
    "botocore.exceptions": {
        "EndpointConnectionError": FailureKind.UNREACHABLE,
        "HTTPClientError": FailureKind.DISCONNECTED,
    },
    "json": {"JSONDecodeError": FailureKind.INVALID_JSON},
    "asyncio": {"TimeoutError": FailureKind.TIMEOUT},
    "builtins": {
        "ConnectionRefusedError": FailureKind.UNREACHABLE,
        "TimeoutError": FailureKind.TIMEOUT,
        "ConnectionError": FailureKind.DISCONNECTED,
    },
}
"""By module and class; a subclass comes before its base. Libraries that wrap one of these
exceptions keep it as the cause (ollama, anthropic, LangChain's packages) and need no entries."""


def failure_kind(error: BaseException) -> FailureKind | None:
    """The kind of a failure, from the type of an exception or of its causes; None: unknown."""
    found = {_kind_of_type(each) for each in _causes(error)}
    return next((meaning for meaning in FailureKind if meaning in found), None)


def status_of(error: BaseException) -> tuple[int | None, Mapping[str, str]]:
    """The HTTP status of an exception or its causes, and the headers of the reply.

    The status is an attribute of the exception or of its ``response``: ``status_code`` (httpx,
    requests, openai, ollama and others), ``status`` (aiohttp) or ``code`` (Google).
    """
    for each in _causes(error):
        response: Any = getattr(each, "response", None)
        for holder in (each, response):
            for name in ("status_code", "status", "code"):
                status = getattr(holder, name, None)
                if isinstance(status, int) and not isinstance(status, bool) and 100 <= status < 600:
                    headers = getattr(response, "headers", None) or getattr(each, "headers", None)
                    return int(status), {str(k).lower(): str(v) for k, v in (headers or {}).items()}
    return None, {}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and the chain of its causes."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _kind_of_type(error: BaseException) -> FailureKind | None:
    for module, table in LIBRARIES.items():
        for name, meaning in table.items():
            kind = getattr(sys.modules.get(module), name, None)
            if isinstance(kind, type) and isinstance(error, kind):
                return meaning
    return None
