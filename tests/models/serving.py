"""A small HTTP server on loopback for tests: it sends given answers, and can cut connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the server sends. body: JSON values, or the bytes as they are. cut: hang up instead."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    cut: bool = False


Answer = Callable[[str, dict[str, Any], dict[str, str]], Reply]
"""From path, body (JSON) and headers to a reply."""


@dataclass
class Serving:
    """A running server: its address, and the calls it got."""

    url: str
    calls: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    most: int = 0
    active: int = 0

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """The bodies that came to a path."""
        return [body for called, body, _ in self.calls if called == path]


@contextmanager
def serve(answer: Answer) -> Iterator[Serving]:
    """A server in its own thread, stopped at the end."""
    serving = Serving("")
    listening = threading.Event()
    stops: list[Callable[[], object]] = []

    async def run() -> None:
        stopped = asyncio.Event()
        connections: set[asyncio.Task[None] | None] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(asyncio.current_task())
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
            ):
                while await _one(serving, answer, reader, writer):
                    pass
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        serving.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stopped.set))
        listening.set()
        await stopped.wait()
        server.close()
        for task in connections - {None}:
            assert task is not None
            task.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert listening.wait(5)
    try:
        yield serving
    finally:
        stops[0]()
        thread.join(5)
        assert not thread.is_alive()


async def _one(
    serving: Serving, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Read a request and answer it; False when the connection ends."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    path = head[0].split(" ")[1]
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    body = json.loads(raw) if raw else {}
    serving.calls.append((path, body, headers))
    serving.active += 1
    serving.most = max(serving.most, serving.active)
    try:
        reply = answer(path, body, headers)
        if reply.after:
            await asyncio.sleep(reply.after)
    finally:
        serving.active -= 1
    if reply.cut:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        return False
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    lines = [f"HTTP/1.1 {reply.status} X", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + content)
    await writer.drain()
    return True


def chat(text: str, **more: Any) -> Reply:
    """A chat completion with a text. more: of the choice."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}} | more
    choice.setdefault("finish_reason", "stop")
    return Reply(
        {
            "choices": [choice],
            "model": "test",
            "usage": {"prompt_tokens": 10, "completion_tokens": 2},
        }
    )
