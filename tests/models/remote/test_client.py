"""Servers that are slow, busy and broken: every request ends with its answer, or marked."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message
from evalkit.models.registry import Declared, resolve
from evalkit.models.remote.client import ClientConfig, send_each
from evalkit.models.remote.loop import LOOP
from tests.models.serving import Answer, Reply, chat, serve

pytest.importorskip("httpx")

QUICK: dict[str, Any] = {"backoff": 0.002, "max_wait": 1.0, "retries": 12, "timeout": 0.4}


def requests_of(number: int) -> list[Request]:
    return [Request((Message("user", f"say {i}"),), Generation(8)) for i in range(number)]


def models(path: str) -> Reply | None:
    """The list of models, if requested."""
    if path != "/v1/models":
        return None
    return Reply({"data": [{"id": "test", "created": 1_700_000_000}]})


def echo(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
    return models(path) or chat(body["messages"][-1]["content"].removeprefix("say "))


def faulty(seed: int) -> Answer:
    """Half of the calls fail, in every way a server can."""
    chance = random.Random(seed)
    faults: list[Callable[[], Reply]] = [
        lambda: Reply({"error": "busy"}, 429, {"Retry-After": "0.01"}),
        lambda: Reply({"error": "busy"}, 503),
        lambda: Reply(b"Internal Server Error", 500),
        lambda: Reply(cut=True),
        lambda: Reply(b'{"choices": [{"mess'),
        lambda: Reply({"choices": []}),
        lambda: Reply(b"[1, 2]"),
    ]

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path == "/v1/models":
            return echo(path, body, headers)
        draw = chance.random()
        if draw < 0.45:
            return chance.choice(faults)()
        if draw < 0.455:
            return Reply(after=1.0)  # longer than the time-out
        good = echo(path, body, headers)
        return Reply(good.body, after=chance.random() * 0.004)

    return answer


def test_500_requests_to_a_faulty_server_all_end_with_their_own_answer(declare: Any) -> None:
    with serve(faulty(7)) as server:
        model = resolve(declare("openai", model="test", base_url=f"{server.url}/v1", **QUICK))
        model.load()
        seen = [pair for batch in model.respond(requests_of(500)) for pair in batch]
    assert Counter(i for i, _ in seen) == Counter(range(500))  # none twice, none lost
    assert all(r.text == str(i) for i, r in seen if r.status is Status.OK)
    assert all(r.error for _, r in seen if r.status is not Status.OK)
    # the chance that one of 500 fails 13 times in a row at 45.5 % is 2 in 100
    assert sum(r.status is Status.OK for _, r in seen) >= 498
    assert model.describe()["retries"] > 300
    assert server.most <= 16


def test_an_interrupted_run_continues_without_repeats(tmp_path: Path) -> None:
    from evalkit import evaluate

    suite: dict[str, Any] = {
        "suite": "echo",
        "task": "qa",
        "data": {"rows": [{"q": f"say {i}", "a": str(i)} for i in range(300)], "target": "a"},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["exact_match"],
    }
    good = faulty(3)
    stops: list[int] = []

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if len(asked()) >= 150 and not stops:
            stops.append(1)
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does
        return good(path, body, headers)

    def asked() -> set[str]:
        return {b["messages"][0]["content"] for b in server.bodies("/v1/chat/completions")}

    def run() -> Any:
        options = {"model": "test", "base_url": f"{server.url}/v1", "max_concurrency": 4, **QUICK}
        model = resolve(Declared("m", "openai", options, root=tmp_path))
        return evaluate(suite, models={"m": model}, store=tmp_path / "store")

    with serve(answer) as server:
        with pytest.raises(KeyboardInterrupt):
            run()
        assert not under_way()
        with sqlite3.connect(tmp_path / "store" / "store.sqlite") as db:
            kept = db.execute("select count(*) from responses").fetchone()[0]
        assert 100 < kept < 200
        server.calls.clear()
        cell = run().record.cells[0]
        assert len(asked()) == 300 - kept  # what was answered is not asked again
    assert (cell.statuses, cell.scores["exact_match"].value) == ({"ok": 300}, 1.0)


def under_way() -> set[Any]:
    time.sleep(0.05)  # a task is done a moment after its last line
    return asyncio.all_tasks(LOOP.get())


def test_closing_early_cancels_pending_requests(declare: Any) -> None:
    with serve(lambda *call: models(call[0]) or Reply(chat("x").body, after=0.05)) as server:
        model = resolve(declare("openai", model="test", base_url=f"{server.url}/v1"))
        batches = model.respond(requests_of(50))
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        assert not under_way()
        time.sleep(0.1)
        assert server.active == 0
        assert len(server.bodies("/v1/chat/completions")) < 50


def test_a_cancelled_client_library_fails_the_model(declare: Any) -> None:
    model = resolve(declare("openai", model="test", base_url="http://127.0.0.1:9/v1"))

    @asynccontextmanager
    async def connect() -> Any:
        async def cancelled(request: Request) -> Any:
            raise asyncio.CancelledError

        yield cancelled

    config = ClientConfig(model.options, connect, model._advice, model._usage)
    with pytest.raises(ModelError, match="cancelled its own requests"):
        list(send_each(config, requests_of(3), iter(range(3))))
    assert not under_way()


def ask(declare: Any, answer: Answer, number: int = 1, **options: Any) -> Any:
    """Responses of a server to ``number`` requests, and the calls it got."""
    with serve(answer) as server:
        given = {**QUICK, "model": "test", "base_url": f"{server.url}/v1", **options}
        model = resolve(declare("openai", **given))
        pairs = [pair for batch in model.respond(requests_of(number)) for pair in batch]
    return [response for _, response in sorted(pairs)], server


def test_retry_after_is_honoured(declare: Any) -> None:
    times: list[float] = []

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        times.append(time.monotonic())
        return Reply({}, 429, {"Retry-After": "0.3"}) if len(times) == 1 else chat("well")

    (response,), _ = ask(declare, answer)
    assert (response.text, response.details["tries"]) == ("well", 2)
    assert times[1] - times[0] >= 0.3


def test_a_wait_beyond_max_wait_is_an_error(declare: Any) -> None:
    (response,), server = ask(
        declare, lambda *call: Reply({}, 429, {"Retry-After": "3600"}), deadline=30
    )
    assert response.status is Status.ERROR
    assert "asks for a wait of 3600 s" in response.error
    assert len(server.calls) == 1


def test_invalid_json_replies_end_as_an_error_with_their_text(declare: Any) -> None:
    (response,), server = ask(declare, lambda *call: Reply(b"<html>" + b"x" * 900), retries=2)
    assert response.status is Status.ERROR
    assert "not valid JSON: '<html>xxx" in response.error
    assert "3 attempts" in response.error
    assert len(response.error) < 500
    assert len(server.calls) == 3


def test_the_deadline_fails_the_remaining_requests(declare: Any) -> None:
    started = time.monotonic()
    responses, _ = ask(
        declare,
        lambda *call: Reply(chat("x").body, after=0.1),
        20,
        deadline=0.35,
        max_concurrency=2,
    )
    assert time.monotonic() - started < 2
    late = [r for r in responses if r.status is Status.ERROR]
    assert 10 <= len(late) < 20
    assert all("deadline of 0.35 s" in r.error or "no answer within" in r.error for r in late)


def test_a_rejected_request_affects_no_other(declare: Any) -> None:
    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        asked = body["messages"][0]["content"]
        if asked == "say 1":
            return Reply({"error": {"message": "maximum context length is 8 tokens"}}, 400)
        if asked == "say 2":
            return Reply({"error": {"message": "no such role"}}, 422)
        if asked == "say 4":
            return Reply({"error": {"message": "your input was flagged by moderation"}}, 403)
        return echo(path, body, headers)

    responses, server = ask(declare, answer, 5)
    assert [str(r.status) for r in responses] == ["ok", "overflow", "error", "ok", "error"]
    assert "no such role" in responses[2].error
    assert "flagged" in responses[4].error
    assert len(server.calls) == 5  # refused once is refused


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "declare api_key_env"), (404, "'test' is the server's name")],
)
def test_errors_of_every_request_fail_the_model(declare: Any, status: int, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ask(declare, lambda *call: Reply({"error": "no"}, status), 40)


def test_a_refused_connection_says_so(declare: Any) -> None:
    with serve(echo) as server:
        url = f"{server.url}/v1"
    model = resolve(declare("openai", model="test", base_url=url, **{**QUICK, "retries": 1}))
    with pytest.raises(ModelError, match=r"Start the server, or correct base_url"):
        model.load()
    with pytest.raises(ModelError, match="Start the server"):
        list(model.respond(requests_of(3)))


def test_a_redirect_is_a_failure_of_its_request_that_may_pass(declare: Any) -> None:
    calls: list[str] = []

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        asked = body["messages"][0]["content"]
        calls.append(asked)
        away = Reply({}, 307, {"Location": "http://elsewhere.invalid/"})
        if asked == "say 1" or (asked == "say 2" and calls.count(asked) == 1):
            return away
        return echo(path, body, headers)

    responses, _ = ask(declare, answer, 4, retries=2)
    assert [str(one.status) for one in responses] == ["ok", "error", "ok", "ok"]
    assert "redirects to http://elsewhere.invalid/ (3 attempts)" in responses[1].error
    assert calls.count("say 1") == 3


@pytest.mark.parametrize(
    "raised", [SystemExit(0), pytest.skip.Exception("not today"), KeyboardInterrupt()]
)
def test_a_library_that_raises_no_exception_fails_its_own_request(raised: BaseException) -> None:
    from evalkit.models.remote.failures import Advice
    from evalkit.models.remote.options import RemoteOptions
    from evalkit.models.remote.usage import Usage

    @asynccontextmanager
    async def connect() -> Any:
        async def send(request: Request) -> Response:
            if request.prompt == "b":
                raise raised
            return Response(Status.OK, text="well")

        yield send

    options = RemoteOptions(model="m", retries=0)
    config = ClientConfig(options, connect, Advice("", "", ""), Usage(None))
    requests = [Request(text) for text in "abc"]
    got = dict(one for batch in send_each(config, requests, iter(range(3))) for one in batch)
    assert [str(got[i].status) for i in range(3)] == ["ok", "error", "ok"]
    assert got[1].error.startswith(type(raised).__name__)
    again = dict(one for batch in send_each(config, requests, iter([0])) for one in batch)
    assert again[0].text == "well"  # the loop is alive


def test_a_request_is_bounded_as_a_whole_whatever_arrives_meanwhile(declare: Any) -> None:
    """A byte every so often keeps every read short."""
    import socket
    import threading

    from evalkit.models.remote.failures import Advice, TemporaryError
    from evalkit.models.remote.http import fetch_json

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not ended.wait(0.1):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        started = time.monotonic()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/models"
        with pytest.raises(TemporaryError, match=r"no whole answer within 0\.8 s"):
            fetch_json(url, {}, Advice("", "", ""), timeout=0.8)
        assert time.monotonic() - started < 5
        ended.set()
        thread.join(5)
