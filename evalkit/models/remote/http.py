"""JSON over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import ModelError
from evalkit.models.remote.failures import (
    Advice,
    TemporaryError,
    error_from_exception,
    error_from_status,
    shorten,
)
from evalkit.models.remote.loop import LOOP
from evalkit.models.remote.options import RemoteOptions

if TYPE_CHECKING:
    import httpx

CONNECT = 10.0
"""Timeout of a connection in seconds."""
MOST_BYTES = 64 * 1024 * 1024
"""The most bytes of a reply, decompressed; no answer is as long."""


class Server:
    """A connection to a JSON server, for use in an event loop."""

    def __init__(self, client: httpx.AsyncClient, advice: Advice) -> None:
        self._client = client
        self._advice = advice

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON reply. Raises TemporaryError, RequestRejectedError or ModelError."""
        try:
            reply = await _request(self._client, "POST", path, json=body)
        except TemporaryError:
            raise
        except Exception as error:
            raise error_from_exception(error, self._advice) from None
        return read_json(reply, self._advice)


@asynccontextmanager
async def connect(
    base_url: str, headers: Mapping[str, str], options: RemoteOptions, advice: Advice
) -> AsyncIterator[Server]:
    """Connections to a server, which are closed at the end."""
    httpx = import_httpx()
    limits = httpx.Limits(
        max_connections=options.max_concurrency, max_keepalive_connections=options.max_concurrency
    )
    async with httpx.AsyncClient(
        base_url=base_url,
        headers=dict(headers),
        timeout=httpx.Timeout(options.timeout, connect=min(CONNECT, options.timeout)),
        limits=limits,
    ) as client:
        yield Server(client, advice)


def fetch_json(
    url: str,
    headers: Mapping[str, str],
    advice: Advice,
    *,
    timeout: float = CONNECT,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON reply to GET, or to POST if there is a ``body``, outside an event loop.

    timeout: seconds for the whole call; httpx's own is for one read, and a server that sends a byte
    a second never exceeds it. Raises TemporaryError, RequestRejectedError or ModelError.
    """
    httpx = import_httpx()
    method = "GET" if body is None else "POST"

    async def fetch() -> Reply:
        async with httpx.AsyncClient(timeout=timeout) as client:
            return await _request(client, method, url, headers=dict(headers), json=body)

    call = asyncio.run_coroutine_threadsafe(asyncio.wait_for(fetch(), timeout), LOOP.get())
    try:
        reply = call.result()
    except asyncio.TimeoutError:
        raise TemporaryError(
            f"{url} sent no whole answer within {timeout:g} s", busy=True
        ) from None
    except TemporaryError:
        raise
    except Exception as error:  # of the network
        raise error_from_exception(error, advice) from None
    finally:
        call.cancel()  # after Ctrl-C
    return read_json(reply, advice)


class Reply(NamedTuple):
    """A whole reply."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8", "replace")


async def _request(client: httpx.AsyncClient, method: str, url: str, **arguments: Any) -> Reply:
    """Send a request and read its reply. Raises TemporaryError for one over ``MOST_BYTES``."""
    async with client.stream(method, url, **arguments) as reply:
        parts, size = [], 0
        async for part in reply.aiter_bytes():
            size += len(part)
            if size > MOST_BYTES:
                raise TemporaryError(f"the server's reply is longer than {MOST_BYTES // 2**20} MiB")
            parts.append(part)
        return Reply(reply.status_code, b"".join(parts), reply.headers)


def read_json(reply: Reply, advice: Advice) -> dict[str, Any]:
    """The JSON object in a reply. Invalid JSON is a temporary failure."""
    if not 200 <= reply.status < 300:
        raise error_from_status(reply.status, reply.text, reply.headers, advice)
    try:
        value = json.loads(reply.content)
    except (ValueError, RecursionError):
        raise TemporaryError(
            f"the server's reply is not valid JSON: {shorten(reply.text)!r}"
        ) from None
    if not isinstance(value, dict):
        raise TemporaryError(f"the server's reply is not a JSON object: {shorten(reply.text)!r}")
    return value


def import_httpx() -> Any:
    """The module httpx. Raises ModelError if it is not installed."""
    try:
        import httpx
    except ImportError:
        raise ModelError(
            'backends for servers need httpx: pip install "pytest-evalkit[openai]"'
        ) from None
    return httpx
