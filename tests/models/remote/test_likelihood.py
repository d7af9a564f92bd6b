"""Log-likelihoods from servers: by echo, by prompt log-probabilities, by the first token."""

from __future__ import annotations

import base64
import contextlib
import gzip
import math
import re
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Request, Status
from evalkit.messages import Message
from evalkit.models.registry import Declared, resolve
from tests.models.serving import Answer, Reply, chat, serve
from tests.models.test_openai import CHAT, asked

pytest.importorskip("httpx")

LABELS = ("positive", "negative", "neutral")


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
    """A server that returns the most likely first tokens and ignores unknown parameters."""

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


def test_an_unlikely_shared_first_token_is_accepted(declare: Any) -> None:
    tokens = {"pos": math.log(0.6), "neg": math.log(0.3), "n": math.log(0.01)}
    (response,), _ = asked(declare, first_token(tokens), [Request(CHAT, choices=LABELS)])
    assert (response.status, response.text) == (Status.OK, "positive")
    assert response.details["shared_first_tokens"] == ["n"]
    # 'negative' may have all of "n", and would lead
    close = {"pos": math.log(0.31), "neg": math.log(0.3), "n": math.log(0.02)}
    (response,), _ = asked(declare, first_token(close), [Request(CHAT, choices=LABELS)])
    assert response.status is Status.ERROR


def test_a_shared_first_token_is_an_error_with_advice(
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
def test_a_filtered_first_request_fails_alone(declare: Any, filtered: Reply) -> None:
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
def test_without_logprobs_the_error_suggests_text(declare: Any, status: int) -> None:
    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        return Reply(chat("positive").body, status)

    with pytest.raises(ModelError, match="Write 'answer: text' in the suite"):
        asked(declare, answer, [Request(CHAT, choices=LABELS)])


def test_the_report_names_the_method(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("value", [math.nan, -math.inf, 3.0, "likely", None, True])
@pytest.mark.parametrize("method", ["first-token", "chat-prompt-logprobs"])
def test_invalid_logprobs_are_errors(declare: Any, method: str, value: Any) -> None:
    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if method == "first-token":
            top = [{"token": "neg", "logprob": -2.0}, {"token": "pos", "logprob": value}]
            return chat("p", logprobs={"content": [{**top[0], "top_logprobs": top}]})
        text = "".join(m["content"] for m in body["messages"])
        entries = [None, *({str(ord(c)): {"logprob": value}} for c in text[1:])]
        return Reply({**chat("x").body, "prompt_logprobs": entries})

    (response,), _ = asked(declare, answer, [Request(CHAT, choices=("positive", "negative"))])
    assert response.status is Status.ERROR
    assert "as a log-probability; expected a finite number" in response.error
