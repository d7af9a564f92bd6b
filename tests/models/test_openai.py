"""The openai backend: what it sends, what it reads, how it compares choices, what it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message
from evalkit.models.registry import resolve
from tests.models.serving import Answer, Reply, Serving, chat, serve

pytest.importorskip("httpx")

QUICK: dict[str, Any] = {"backoff": 0.002, "retries": 2, "timeout": 5}
CHAT = (Message("system", "Label."), Message("user", "What a film!"))


def asked(
    declare: Any, answer: Answer, requests: list[Request], **options: Any
) -> tuple[list[Response], Serving]:
    with serve(answer) as server:
        given = {**QUICK, "model": "m", "base_url": f"{server.url}/v1", **options}
        model = resolve(declare("openai", **given))
        pairs = [pair for batch in model.respond(requests) for pair in batch]
    return [response for _, response in sorted(pairs, key=lambda pair: pair[0])], server


def test_requests_for_a_chat_and_a_raw_text(declare: Any) -> None:
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


def test_thinking_is_kept_separate(declare: Any) -> None:
    message = {"content": "4", "reasoning_content": "two and two"}
    (response,), _ = asked(declare, lambda *call: chat("", message=message), [Request(CHAT)])
    assert (response.text, response.thinking) == ("4", "two and two")


def test_unsupported_parameters_are_rejected_before_sending(declare: Any) -> None:
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


# identity and secrets
