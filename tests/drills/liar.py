"""A server that lies: each lie answers one request in a way no server should."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

RIGHT = "Paris"
Lie = Callable[[socket.socket, dict[str, Any]], None]
"""Sends a reply to a request with a body over a connection."""


def reply(
    content: bytes, status: str = "200 OK", *headers: str, length: int | None = None
) -> bytes:
    """An HTTP reply. length: what it claims; default: the truth."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content) if length is None else length}"]
    if not any(h.lower().startswith("content-type") for h in headers):
        lines.append("Content-Type: application/json")
    return ("\r\n".join([*lines, "Connection: close", *headers]) + "\r\n\r\n").encode() + content


def chat(content: Any = RIGHT, **choice: Any) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": content}
    return {
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }


def says(value: Any, status: str = "200 OK", *headers: str, **more: Any) -> Lie:
    """Sends a JSON value, or bytes as they are."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()

    def lie(connection: socket.socket, body: dict[str, Any]) -> None:
        connection.sendall(reply(content, status, *headers, **more))

    return lie


def raw(content: bytes) -> Lie:
    """Sends bytes that need not be HTTP, and hangs up."""

    def lie(connection: socket.socket, body: dict[str, Any]) -> None:
        connection.sendall(content)

    return lie


def drip(content: bytes, every: float = 0.3) -> Lie:
    """Sends a byte at a time."""

    def lie(connection: socket.socket, body: dict[str, Any]) -> None:
        for byte in content:
            connection.sendall(bytes([byte]))
            time.sleep(every)

    return lie


def hangs(content: bytes = b"") -> Lie:
    """Sends the beginning of a reply, then nothing."""

    def lie(connection: socket.socket, body: dict[str, Any]) -> None:
        connection.sendall(content)
        time.sleep(30)

    return lie


def floods(connection: socket.socket, body: dict[str, Any]) -> None:
    """Sends a reply without an end."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a": "')
    for _ in range(4000):
        connection.sendall(b"x" * 65536)


def bomb(connection: socket.socket, body: dict[str, Any]) -> None:
    """Sends a small body that becomes 200 MB."""
    connection.sendall(reply(compressed(), "200 OK", "Content-Encoding: gzip"))


@lru_cache(maxsize=1)
def compressed() -> bytes:
    return gzip.compress(b'{"choices": "' + b" " * 200_000_000 + b'"}', 1)


GOOD = json.dumps(chat()).encode()
EVENTS = b'data: {"choices": [{"delta": {"content": "Lon"}}]}\n\ndata: garbage\n\n'
CHAT_LIES: dict[str, Lie] = {
    "500 with a right answer": says(chat(), "500 Internal Server Error"),
    "503 for ever": says({"error": "busy"}, "503 Busy"),
    "429 that asks for an hour": says({"error": "slow"}, "429 Slow", "Retry-After: 3600"),
    "429 with a senseless wait": says({"error": "slow"}, "429 Slow", "Retry-After: -1e999"),
    "status 999": says(chat("London"), "999 Odd"),
    "204 without a body": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "302 to itself": says(b"", "302 Found", "Location: /v1/chat/completions"),
    "307 to another scheme": says(b"", "307 Moved", "Location: file:///etc/passwd"),
    "301 without a location": says(b"", "301 Moved"),
    "truncated JSON": says(GOOD[: len(GOOD) // 2]),
    "fewer bytes than promised": says(GOOD[:-40], length=len(GOOD)),
    "more bytes than promised": says(GOOD, length=20),
    "a negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + GOOD),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n" + GOOD),
    "a Content-Length in words": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + GOOD),
    "chunks of a false size": raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + GOOD + b"\r\n0\r\n\r\n"
    ),
    "gzip that is none": says(GOOD, "200 OK", "Content-Encoding: gzip"),
    "a bomb of gzip": bomb,
    "no HTTP at all": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "nothing": raw(b""),
    "a header of a megabyte": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n"),
    "a byte now and then": drip(reply(GOOD)),
    "silence": hangs(),
    "silence after the headers": hangs(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
    "a body without an end": floods,
    "HTML": says(b"<html>Paris</html>", "200 OK", "Content-Type: text/html"),
    "an empty body": says(b""),
    "JSON null": says(b"null"),
    "a JSON list": says([chat()]),
    "a JSON string": says("Paris"),
    "JSON that is nested 100,000 deep": says(b"[" * 100_000 + b"]" * 100_000),
    "a number of 5,000 digits": says(b'{"choices": ' + b"9" * 5_000 + b"}"),
    "JSON twice": says(GOOD + GOOD),
    "bytes that are no UTF-8": says(GOOD.replace(b"Paris", b"Par\xff\xfes")),
    "an error with status 200": says({"error": {"message": "overloaded"}}),
    "no choices": says({"object": "chat.completion"}),
    "an empty list of choices": says({**chat(), "choices": []}),
    "choices as a dict": says({**chat(), "choices": {"0": chat()["choices"][0]}}),
    "a choice that is null": says({**chat(), "choices": [None]}),
    "a choice that is a text": says({**chat(), "choices": ["Paris"]}),
    "content: null": says(chat(None)),
    "content: a number": says(chat(42)),
    "content: true": says(chat(True)),
    "content: an object": says(chat({"text": {"value": "London"}})),
    "content: a list of numbers": says(chat([1, 2, 3])),
    "no content": says({**chat(), "choices": [{"index": 0, "message": {"role": "assistant"}}]}),
    "message: a list": says({**chat(), "choices": [{"index": 0, "message": ["London"]}]}),
    "finish_reason: content_filter": says(chat("", finish_reason="content_filter")),
    "finish_reason: content_filter, in half": says(chat("Lon", finish_reason="content_filter")),
    "finish_reason: error": says(chat("", finish_reason="error")),
    "server-sent events": says(EVENTS, "200 OK", "Content-Type: text/event-stream"),
}
HARMLESS_LIES: dict[str, Lie] = {
    "usage of another type": says({**chat(), "usage": "many"}),
    "negative usage": says({**chat(), "usage": {"prompt_tokens": -5, "completion_tokens": 1e300}}),
    "usage with booleans": says({**chat(), "usage": {"prompt_tokens": True}}),
    "a model that is a list": says({**chat(), "model": ["m"]}),
    "finish_reason: a number": says(chat(finish_reason=7)),
    "an index of minus one": says(chat(index=-1)),
    "unknown keys everywhere": says({**chat(oops={"a": [1]}), "extra": {"b": None}}),
    "content: parts": says(chat([{"type": "text", "text": "Par"}, {"type": "text", "text": "is"}])),
    "an unknown charset": says(GOOD, "200 OK", "Content-Type: text/plain; charset=klingon"),
    "UTF-16 that claims UTF-8": says(json.dumps(chat()).encode("utf-16")),
    "a byte order mark": says(b"\xef\xbb\xbf" + GOOD),
    "two choices": says({**chat(), "choices": chat()["choices"] * 2}),
}
"""The answer is there in spite of the lie, so it may be taken or refused."""


def pieces(text: str) -> list[str]:
    return [text[i : i + 3] for i in range(0, len(text), 3)]


def echo(prompt: str) -> dict[str, Any]:
    """An honest completion that echoes its prompt, with log-probabilities that favour RIGHT."""
    tokens = [*pieces(prompt), " new"]
    values = [-0.5 if RIGHT in prompt else -4.0 for _ in tokens]
    logprobs = {
        "tokens": tokens,
        "token_logprobs": [None, *values[1:]],
        "text_offset": [sum(map(len, tokens[:i])) for i in range(len(tokens))],
    }
    return {"choices": [{"index": 0, "text": "".join(tokens), "logprobs": logprobs}]}


def twisted(change: Callable[[dict[str, Any]], Any]) -> Lie:
    """Sends an honest completion whose log-probabilities were changed."""

    def lie(connection: socket.socket, body: dict[str, Any]) -> None:
        honest = echo(str(body.get("prompt", "")))
        change(honest["choices"][0]["logprobs"])
        connection.sendall(reply(json.dumps(honest).encode()))

    return lie


def put(key: str, value: Any) -> Lie:
    """One list of the log-probabilities is replaced."""
    return twisted(lambda logprobs: logprobs.__setitem__(key, value))


def each(key: str, value: Any) -> Lie:
    """Every entry of one list is replaced."""
    return twisted(lambda logprobs: logprobs.__setitem__(key, [value] * len(logprobs[key])))


LOGPROB_LIES: dict[str, Lie] = {
    "logprobs that are NaN": each("token_logprobs", float("nan")),
    "logprobs that are infinite": each("token_logprobs", float("-inf")),
    "positive logprobs": each("token_logprobs", 3.0),
    "logprobs as texts": each("token_logprobs", "likely"),
    "logprobs that are all null": each("token_logprobs", None),
    "logprobs as booleans": each("token_logprobs", True),
    "too few logprobs": twisted(lambda p: p.__setitem__("token_logprobs", p["token_logprobs"][:2])),
    "no logprobs": put("token_logprobs", []),
    "logprobs as a dict": put("token_logprobs", {"0": -1}),
    "tokens of another text": each("tokens", "zzz"),
    "tokens that are numbers": each("tokens", 7),
    "offsets that are negative": each("text_offset", -3),
    "offsets as texts": each("text_offset", "0"),
    "offsets beyond the text": each("text_offset", 10**9),
    "offsets that do not grow": each("text_offset", 0),
    "another text": says(echo("Something else: ")),
}


@contextlib.contextmanager
def lying(lie: Lie, *, listed: Lie | None = None) -> Iterator[str]:
    """The address of a server that lies to requests with the word ``lie``.

    listed: how it lies about its models; default: it does not.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError):
            head, rest = b"", b""
            while b"\r\n\r\n" not in head:
                if not (part := connection.recv(65536)):
                    return
                head += part
            head, _, rest = head.partition(b"\r\n\r\n")
            sizes = [h for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")]
            size = int(sizes[0].split(b":")[1]) if sizes else 0
            while len(rest) < size:
                rest += connection.recv(65536)
            if head.startswith(b"GET"):
                models = {"object": "list", "data": [{"id": "m", "object": "model"}]}
                (listed or says(models))(connection, {})
                return
            body = json.loads(rest)
            if "lie" in json.dumps(body):
                lie(connection, body)
                return
            honest = echo(body["prompt"]) if "prompt" in body else chat()
            connection.sendall(reply(json.dumps(honest).encode()))

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        ended.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
