"""JSON over HTTP: whole replies, within bounds."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from evalkit.models.remote import http
from evalkit.models.remote.failures import Advice, RequestRejectedError, TemporaryError
from evalkit.models.remote.options import RemoteOptions
from tests.models.serving import Reply, serve

ADVICE = Advice(unauthorised="check the key", missing="check the name", unreachable="start it")


def post(url: str) -> dict[str, object]:
    async def send() -> dict[str, object]:
        options = RemoteOptions(model="m", timeout=20)
        async with http.connect(url, {}, options, ADVICE) as server:
            return await server.post("chat", {"a": 1})

    return asyncio.run(send())


def get(url: str) -> dict[str, object]:
    return http.fetch_json(url, {}, ADVICE, timeout=20)


both = pytest.mark.parametrize("call", [post, get])


@both
def test_a_reply_is_a_json_object(call: object) -> None:
    with serve(lambda path, body, headers: Reply({"found": True})) as server:
        assert call(server.url) == {"found": True}  # type: ignore[operator]


@both
@pytest.mark.parametrize("body", [b"[1]", b"{", b"[" * 100_000, b"\xff\xfe", b""])
def test_anything_else_is_tried_again(call: object, body: bytes) -> None:
    with serve(lambda path, sent, headers: Reply(body)) as server, pytest.raises(TemporaryError):
        call(server.url)  # type: ignore[operator]


@both
def test_a_reply_without_end_is_cut_off(call: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 2**20)
    bomb = gzip.compress(b'{"a": "' + b" " * 50_000_000 + b'"}')
    packed = Reply(bomb, headers={"Content-Encoding": "gzip"})
    with (
        serve(lambda path, body, headers: packed) as server,
        pytest.raises(TemporaryError, match="longer than 1 MiB"),
    ):
        call(server.url)  # type: ignore[operator]


@both
def test_a_status_decides_before_the_content(call: object) -> None:
    rejected = Reply({"error": {"message": "too long"}}, status=400)
    with (
        serve(lambda path, body, headers: rejected) as server,
        pytest.raises(RequestRejectedError, match="too long"),
    ):
        call(server.url)  # type: ignore[operator]
