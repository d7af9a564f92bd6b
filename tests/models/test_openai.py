"""The openai backend: what it sends, what it reads, how it compares choices, what it keeps."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import math
import re
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError, SpecError
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message
from evalkit.models.registry import Declared, resolve
from evalkit.models.remote import model_card
from evalkit.models.remote.failures import retry_after
from tests.models.serving import Answer, Reply, Serving, chat, serve

pytest.importorskip("httpx")

QUICK: dict[str, Any] = {"backoff": 0.002, "retries": 2, "timeout": 5}
CHAT = (Message("system", "Label."), Message("user", "What a film!"))
LABELS = ("positive", "negative", "neutral")


def asked(
    declare: Any, answer: Answer, requests: list[Request], **options: Any
) -> tuple[list[Response], Serving]:
    with serve(answer) as server:
        given = {**QUICK, "model": "m", "base_url": f"{server.url}/v1", **options}
        model = resolve(declare("openai", **given))
        pairs = [pair for batch in model.respond(requests) for pair in batch]
    return [response for _, response in sorted(pairs, key=lambda pair: pair[0])], server


def test_what_is_sent_for_a_chat_and_for_a_raw_text(declare: Any) -> None:
    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path.endswith("chat/completions"):
            return chat("hi", finish_reason="length")
        return Reply({"choices": [{"text": " Paris, of course", "finish_reason": "stop"}]})

    sampled = Generation(9, temperature=0.5, top_p=0.9, top_k=5, stop=(",",), seed=3)
    requests = [
        Request(CHAT, Generation(7, top_k=1)),  # greedy: top_k plays no part
        Request("The capital is", sampled, repeat=1),
    ]
    responses, server = asked(
        declare, answer, requests, accepts=["top_k"], extra_body={"min_tokens": 1}
    )
    assert server.bodies("/v1/chat/completions") == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Label."},
                {"role": "user", "content": "What a film!"},
            ],
            "max_tokens": 7,
            "temperature": 0.0,
            "min_tokens": 1,
        }
    ]
    (body,) = server.bodies("/v1/completions")
    assert body.pop("seed") not in (3, None)  # a repeat has a seed of its own
    assert body == {
        "model": "m",
        "prompt": "The capital is",
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop": [","],
        "min_tokens": 1,
    }
    first, second = responses
    assert (first.text, first.status, first.finish) == ("hi", Status.TRUNCATED, "length")
    assert (first.prompt_tokens, first.completion_tokens) == (10, 2)
    assert (second.text, second.finish) == (" Paris", "stop_string")
    assert second.prompt_tokens is None


def test_thinking_is_kept_apart(declare: Any) -> None:
    message = {"content": "4", "reasoning_content": "two and two"}
    (response,), _ = asked(declare, lambda *call: chat("", message=message), [Request(CHAT)])
    assert (response.text, response.details["thinking"]) == ("4", "two and two")


def test_parameters_that_cannot_be_sent_are_refused_before_anything_is(declare: Any) -> None:
    for generation, said in (
        (Generation(num_beams=4), "num_beams: 4"),
        (Generation(temperature=1, top_k=3), "top_k: 3"),
        (Generation(repetition_penalty=1.2), "accepts: "),
    ):
        with serve(lambda *call: chat("x")) as server:
            model = resolve(declare("openai", model="m", base_url=f"{server.url}/v1"))
            with pytest.raises(ModelError, match=said):
                list(model.respond([Request(CHAT), Request(CHAT, generation)]))
            assert not server.calls


# choices


def logprob_of(text: str) -> float:
    """A made-up log-probability of a piece of text."""
    return -0.1 * len(text) - 0.01 * (sum(map(ord, text)) % 50)


def pieces(text: str) -> list[str]:
    """Text in pieces of three characters."""
    return [text[i : i + 3] for i in range(0, len(text), 3)]


def test_choices_of_a_raw_text_by_echo(declare: Any) -> None:
    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        assert body["echo"]
        tokens = [*pieces(body["prompt"]), " new"]
        starts = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
        logprobs = {
            "tokens": tokens,
            "token_logprobs": [None, *map(logprob_of, tokens[1:])],
            "text_offset": starts,
        }
        usage = {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1}
        return Reply({"choices": [{"text": "".join(tokens), "logprobs": logprobs}], "usage": usage})

    prompt = "Sentiment of it:"  # 16 characters: the piece ": p" crosses the border
    (response,), _ = asked(declare, answer, [Request(prompt, choices=("po", "negative"))])
    by_hand = [
        sum(map(logprob_of, pieces(f"{prompt} {choice}")[5:])) for choice in ("po", "negative")
    ]
    assert response.logprobs == pytest.approx(by_hand)
    assert response.details["choice_method"] == "completions-echo"
    assert response.prompt_tokens == 7 + 9


def test_choices_of_a_chat_by_vllms_prompt_logprobs(declare: Any) -> None:
    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        assert body["continue_final_message"]
        assert not body["add_generation_prompt"]
        text = "".join(f"<{m['role']}>{m['content']}" for m in body["messages"])
        entries: list[Any] = [None]
        for letter in text[1:]:
            likelier = {"logprob": -0.001, "decoded_token": "?"}
            entries.append({str(ord(letter)): {"logprob": logprob_of(letter)}, "9999": likelier})
        return Reply({**chat("x").body, "prompt_logprobs": entries})

    choices = ("neutral", "negative")  # both begin with the same letters, which count too
    (response,), server = asked(declare, answer, [Request(CHAT, choices=choices)])
    assert response.logprobs == pytest.approx([sum(map(logprob_of, c)) for c in choices])
    assert response.choice_tokens == (7, 8)
    assert response.details["choice_method"] == "chat-prompt-logprobs"
    turns = server.bodies("/v1/chat/completions")[0]["messages"]
    assert turns[-1] == {"role": "assistant", "content": "neutral"}


def first_token(tokens: dict[str, float]) -> Answer:
    """A server that gives the likeliest first tokens and ignores what it does not know."""

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        top = [{"token": token, "logprob": value} for token, value in tokens.items()]
        return chat("p", logprobs={"content": [{**top[0], "top_logprobs": top}]})

    return answer


def test_choices_by_the_first_token(declare: Any) -> None:
    tokens = {"pos": math.log(0.4), " positive": math.log(0.1), "neg": math.log(0.3), "x": -9.0}
    (response,), _ = asked(declare, first_token(tokens), [Request(CHAT, choices=LABELS)])
    assert response.logprobs == pytest.approx([math.log(0.5), math.log(0.3), -9.0])
    assert response.text == "positive"
    assert response.details == {
        "choice_method": "first-token",
        "not_among_first_tokens": ["neutral"],
    }


def test_an_unlikely_token_that_two_choices_share_costs_no_sample(declare: Any) -> None:
    tokens = {"pos": math.log(0.6), "neg": math.log(0.3), "n": math.log(0.01)}
    (response,), _ = asked(declare, first_token(tokens), [Request(CHAT, choices=LABELS)])
    assert (response.status, response.text) == (Status.OK, "positive")
    assert response.details["shared_first_tokens"] == ["n"]
    # 'negative' may have all of "n", and would lead
    close = {"pos": math.log(0.31), "neg": math.log(0.3), "n": math.log(0.02)}
    (response,), _ = asked(declare, first_token(close), [Request(CHAT, choices=LABELS)])
    assert response.status is Status.ERROR


def test_a_first_token_that_two_choices_share_is_an_error_that_says_what_to_do(
    declare: Any,
) -> None:
    (response,), _ = asked(
        declare, first_token({"ne": -0.1, "pos": -3.0}), [Request(CHAT, choices=LABELS)]
    )
    assert response.status is Status.ERROR
    assert "'negative' and 'neutral' begin with the same token 'ne'" in response.error
    assert "answer: text" in response.error


@pytest.mark.parametrize(
    "filtered",
    [
        Reply({"error": {"code": "content_filter", "message": "content policy"}}, 400),
        Reply({"error": {"message": "flagged by moderation"}}, 403),
        chat("", finish_reason="content_filter"),
    ],
)
def test_a_first_request_that_a_filter_stops_fails_alone(declare: Any, filtered: Reply) -> None:
    good = first_token({"pos": -0.1, "neg": -3.0, "neu": -4.0})

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        asks = body["messages"][-1]["content"] + body["messages"][0]["content"]
        return filtered if "awful" in asks else good(path, body, headers)

    awful = (Message("user", "awful"),)
    requests = [Request(awful, choices=LABELS), Request(CHAT, choices=LABELS)]
    (stopped, answered), _ = asked(declare, answer, requests, max_concurrency=1)
    assert stopped.status is Status.ERROR
    assert "content" in stopped.error or "moderation" in stopped.error
    assert (answered.status, answered.text) == (Status.OK, "positive")


@pytest.mark.parametrize("status", [200, 400])
def test_no_logprobs_at_all_says_to_use_text(declare: Any, status: int) -> None:
    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        return Reply(chat("positive").body, status)

    with pytest.raises(ModelError, match="Write 'answer: text' in the suite"):
        asked(declare, answer, [Request(CHAT, choices=LABELS)])


def test_the_report_says_which_method_gave_a_number(tmp_path: Path) -> None:
    from evalkit import evaluate

    suite = {
        "suite": "s",
        "task": "classification",
        "data": {"rows": [{"t": "good", "y": "positive"}], "target": "y"},
        "labels": list(LABELS),
        "prompts": {"p": "{{ t }}"},
        "answer": "choice",
        "metrics": ["accuracy"],
    }
    with serve(first_token({"pos": -0.1, "neg": -2.0})) as server:
        declared = Declared("m", "openai", {"model": "m", "base_url": f"{server.url}/v1"})
        run = evaluate(suite, models={"m": resolve(declared)}, store=tmp_path / "store")
        run.to_html(tmp_path / "report.html")
    assert "by the first token alone" in run.samples["how"][0]
    assert run.record.models["m"].described["choices_by"] == "first-token"
    assert b"by the first token alone" in opened(tmp_path / "report.html")


# identity and secrets


def opened(file: Path) -> bytes:
    """A file's bytes, and what is compressed in it (the store's bodies, the report's samples)."""
    raw = file.read_bytes()
    parts = [raw]
    for text in re.findall(rb"H4sI[A-Za-z0-9+/=]+", raw):
        parts.append(gzip.decompress(base64.b64decode(text)))
    if file.suffix == ".sqlite":
        with contextlib.closing(sqlite3.connect(file)) as db:
            tables = [name for (name,) in db.execute("select name from sqlite_master")]
            for table in (name for name in tables if not name.startswith(("sqlite", "idx"))):
                with contextlib.suppress(sqlite3.OperationalError):  # an index is no table
                    values = [v for row in db.execute(f'select * from "{table}"') for v in row]
                    blobs = [v for v in values if isinstance(v, bytes)]
                    parts += [zlib.decompress(b[1:]) if b[:1] == b"z" else b for b in blobs]
    return b"\n".join(parts)


def test_the_fingerprint_holds_what_the_server_tells(declare: Any) -> None:
    now = 1_800_000_000.0
    listed = {
        "data": [
            {"id": "other"},
            {"id": "m", "root": "/w", "created": now - 5, "permission": [{"id": "random"}]},
        ]
    }
    assert model_card.find_model_card(listed, "m", now) == {"id": "m", "root": "/w"}
    listed["data"][1]["created"] = now - 5000
    assert model_card.find_model_card(listed, "m", now) == {
        "id": "m",
        "root": "/w",
        "created": now - 5000,
    }
    assert model_card.find_model_card(listed, "absent", now) is None
    with serve(lambda *call: Reply({"data": [{"id": "m", "digest": "abc"}]})) as server:
        given = {"model": "m", "base_url": f"{server.url}/v1"}
        fingerprint = resolve(declare("openai", **given)).fingerprint()
        assert fingerprint is not None
        assert fingerprint["served"] == {"id": "m", "digest": "abc"}
        assert resolve(declare("openai", **given, version=2)).fingerprint() != fingerprint
        # a server that does not know the one it is sent sets no limit
        told = {"max_tokens_field": "max_completion_tokens"}
        assert resolve(declare("openai", **given, **told)).fingerprint() != fingerprint
        priced = {"prices": {"input": 1, "output": 1}, "max_concurrency": 2}
        assert resolve(declare("openai", **given, **priced)).fingerprint() == fingerprint
        assert resolve(declare("openai", **given, cache=False)).fingerprint() is None


def test_the_key_goes_to_the_server_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    from evalkit import evaluate

    secret = "q7-very-secret-0123456789"
    monkeypatch.setenv("MY_SERVICE_KEY", secret)

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path == "/v1/models":
            return Reply({"data": []})
        if "bad" in json.dumps(body):
            return Reply({"error": f"request refused for key {secret}"}, 400)
        return chat("positive")

    suite = {
        "suite": "s",
        "task": "classification",
        "data": {"rows": [{"t": "good", "y": "positive"}, {"t": "bad", "y": "negative"}]},
        "labels": list(LABELS),
        "prompts": {"p": "What is {{ t }}?" + " " * 400},
        "answer": "text",
        "metrics": ["accuracy"],
    }
    suite["data"]["target"] = "y"  # type: ignore[index]
    with serve(answer) as server:
        options = {"model": "m", "base_url": f"{server.url}/v1", "api_key_env": "MY_SERVICE_KEY"}
        model = resolve(Declared("m", "openai", options, root=tmp_path))
        run = evaluate(suite, models={"m": model}, store=tmp_path / "store")
        run.to_html(tmp_path / "report.html")
        run.to_json(tmp_path / "run.json")
    assert {headers["authorization"] for _, _, headers in server.calls} == {f"Bearer {secret}"}
    assert "request refused for key [key]" in " ".join(run.samples["error"])
    printed = "".join(capfd.readouterr())
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert {f.name for f in files} >= {"store.sqlite", "report.html", "run.json"}
    assert all(secret.encode() not in opened(f) for f in files)
    assert b"for key [key]" in opened(tmp_path / "report.html")
    assert b"What is good" in opened(tmp_path / "store" / "store.sqlite")
    assert secret not in printed + repr(vars(model)) + repr(run.record)


def test_a_missing_key_is_told_by_its_variable(
    declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="OPENAI_API_KEY is not set"):
        resolve(declare("openai", model="m")).load()


def test_no_key_is_sent_to_an_address_that_was_not_told_one(
    declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    _, server = asked(declare, lambda *call: chat("x"), [Request(CHAT)])
    assert all("authorization" not in headers for _, _, headers in server.calls)


def test_a_key_in_place_of_a_variables_name_is_not_repeated(declare: Any) -> None:
    with pytest.raises(SpecError) as error:
        resolve(declare("openai", model="m", api_key_env="abc-123-secret"))
    assert "expected the name of an environment variable" in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["localhost:8000", "http://me:pw@host/v1", "http://h/v1?key=x"])
def test_addresses_hold_no_secrets(declare: Any, url: str) -> None:
    with pytest.raises(SpecError, match="expected http"):
        resolve(declare("openai", model="m", base_url=url))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_as_seconds_and_as_a_date(header: str | None, seconds: float | None) -> None:
    from datetime import datetime, timezone

    now = datetime(1994, 11, 6, 8, 49, 37, tzinfo=timezone.utc)
    assert retry_after(header, now) == seconds
