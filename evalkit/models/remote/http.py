"""JSON over HTTP: one reply or one failure."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from evalkit.errors import ModelError
from evalkit.models.remote.failures import Advice, TemporaryError, cut, of_exception, of_status
from evalkit.models.remote.options import RemoteOptions

if TYPE_CHECKING:
    import httpx

CONNECT = 10.0
"""Seconds to wait for a connection."""


class Server:
    """A server that takes and gives JSON, reached inside an event loop."""

    def __init__(self, client: httpx.AsyncClient, advice: Advice) -> None:
        self._client = client
        self._advice = advice

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The reply. Raises TemporaryError, RefusedError, ModelError."""
        try:
            reply = await self._client.post(path, json=body)
        except Exception as error:
            raise of_exception(error, self._advice) from None
        return read(reply, self._advice)


@asynccontextmanager
async def connect(
    base_url: str, headers: Mapping[str, str], options: RemoteOptions, advice: Advice
) -> AsyncIterator[Server]:
    """Connections to a server, closed at the end."""
    httpx = load()
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


def get(
    url: str,
    headers: Mapping[str, str],
    advice: Advice,
    *,
    timeout: float = CONNECT,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A reply to GET, or to POST where there is a body, outside an event loop.

    Raises as ``Server.post`` does.
    """
    httpx = load()
    try:
        method = "GET" if body is None else "POST"
        reply = httpx.request(method, url, headers=dict(headers), timeout=timeout, json=body)
    except Exception as error:  # of the network
        raise of_exception(error, advice) from None
    return read(reply, advice)


def read(reply: httpx.Response, advice: Advice) -> dict[str, Any]:
    """The JSON object in a reply. A broken one may come whole the next time."""
    if not reply.is_success:
        raise of_status(reply.status_code, reply.text, reply.headers, advice)
    try:
        value = json.loads(reply.content)
    except ValueError:
        raise TemporaryError(f"the server's reply is no JSON: {cut(reply.text)!r}") from None
    if not isinstance(value, dict):
        raise TemporaryError(f"the server's reply is no JSON object: {cut(reply.text)!r}")
    return value


def load() -> Any:
    """httpx. Raises ModelError when it is not installed."""
    try:
        import httpx
    except ImportError:
        raise ModelError(
            'asking a server needs httpx: pip install "pytest-evalkit[openai]"'
        ) from None
    return httpx
