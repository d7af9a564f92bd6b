"""Ollama, LangChain's chat models and Hugging Face Inference, against servers on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message
from evalkit.models.registry import resolve
from tests.models.serving import Answer, Reply, serve

CHAT = (Message("system", "Label."), Message("user", "What a film!"))
COURSE = Generation(10, top_k=1)
"""What the exercise of the course asks for."""
QUICK: dict[str, Any] = {"backoff": 0.002, "retries": 3}


def answers(model: Any, requests: list[Request]) -> list[Response]:
    pairs = [pair for batch in model.respond(requests) for pair in batch]
    return [response for _, response in sorted(pairs, key=lambda pair: pair[0])]


def ollama(text: str = "positive", **more: Any) -> Answer:
    """An Ollama server with one model that always gives the same answer."""

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path == "/api/tags":
            entry = {"name": "tiny:latest", "model": "tiny:latest", "digest": "d1"}
            return Reply({"models": [entry]})
        if path == "/api/version":
            return Reply({"version": "0.9.9"})
        if path == "/api/ps":  # an older one, which tells no length
            return Reply({"models": [{"name": "tiny:latest"}]})
        if path == "/api/show" or body["model"] != "tiny":
            return Reply({"error": "model not found"}, 404)
        done = {
            "model": "tiny",
            "message": {"role": "assistant", "content": text, "thinking": "hm"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 20,
            "eval_count": 3,
        }
        lines = json.dumps(done | more).encode() + b"\n"
        return Reply(lines, headers={"Content-Type": "application/x-ndjson"})

    return answer


class TestOllama:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("langchain_ollama")

    def test_every_parameter_reaches_the_server(self, declare: Any) -> None:
        full = Generation(12, 0.7, 40, 0.9, repetition_penalty=1.1, stop=("\n",), seed=4)
        with serve(ollama()) as server:
            model = resolve(
                declare(
                    "ollama",
                    model="tiny",
                    base_url=server.url,
                    num_ctx=512,
                    keep_alive="10m",
                    reasoning=True,
                )
            )
            course, sampled = answers(model, [Request(CHAT, COURSE), Request(CHAT, full)])
            model.close()
        sent = {body["options"]["num_predict"]: body for body in server.bodies("/api/chat")}
        assert sent[10]["options"] == {
            "num_predict": 10,
            "temperature": 0.0,
            "top_k": 1,
            "seed": 0,
            "repeat_penalty": 1.0,
            "num_ctx": 512,
        }
        assert sent[12]["options"] == {
            "num_predict": 12,
            "temperature": 0.7,
            "top_k": 40,
            "top_p": 0.9,
            "seed": 4,
            "repeat_penalty": 1.1,
            "stop": ["\n"],
            "num_ctx": 512,
        }
        assert (sent[10]["keep_alive"], sent[10]["think"]) == ("10m", True)
        assert [m["role"] for m in sent[10]["messages"]] == ["system", "user"]
        assert (course.text, course.status, course.finish) == ("positive", Status.OK, "stop")
        assert (course.prompt_tokens, course.completion_tokens) == (20, 3)
        assert course.thinking == "hm"
        assert sampled.text == "positive"

    def test_connections_outlive_a_cell(self, declare: Any) -> None:
        with serve(ollama()) as server:
            model = resolve(declare("ollama", model="tiny", base_url=server.url))
            cells = [[Request(CHAT, Generation(n)) for n in range(1, 7)] for _ in range(3)]
            given = [response for cell in cells for response in answers(model, cell)]
        assert [(r.status, r.error) for r in given] == [(Status.OK, "")] * 18

    def test_a_digest_identifies_a_model(self, declare: Any) -> None:
        with serve(ollama()) as server:
            model = resolve(declare("ollama", model="tiny", base_url=server.url))
            fingerprint = model.fingerprint()
            assert fingerprint is not None
            assert (fingerprint["digest"], fingerprint["ollama"]) == ("d1", "0.9.9")
            assert "base_url" not in fingerprint  # the same files anywhere give the same answers
            longer = resolve(declare("ollama", model="tiny", base_url=server.url, num_ctx=64))
            assert longer.fingerprint() != fingerprint
            assert model.describe()["digest"] == "d1"

    def test_errors_name_the_command_for_a_missing_model_or_server(self, declare: Any) -> None:
        with serve(ollama()) as server:
            model = resolve(declare("ollama", model="llama3.2:1b", base_url=server.url))
            with pytest.raises(ModelError, match=r"ollama pull llama3\.2:1b"):
                model.load()
        with pytest.raises(ModelError, match="ollama serve"):
            resolve(declare("ollama", model="tiny", base_url=server.url)).load()

    def test_a_busy_server_is_retried(self, declare: Any) -> None:
        good, calls = ollama(), [0]

        def busy(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
            calls[0] += path == "/api/chat"
            if path == "/api/chat" and calls[0] in (1, 2):
                return Reply({"error": "server busy"}, 503)
            return good(path, body, headers)

        with serve(busy) as server:
            model = resolve(declare("ollama", model="tiny", base_url=server.url, **QUICK))
            (response,) = answers(model, [Request(CHAT, COURSE)])
        assert (response.status, response.details["tries"]) == (Status.OK, 3)

    def test_a_prompt_that_fills_the_context_is_an_overflow(self, declare: Any) -> None:
        with serve(ollama(prompt_eval_count=32)) as server:
            model = resolve(declare("ollama", model="tiny", base_url=server.url, num_ctx=32))
            (response,) = answers(model, [Request(CHAT, COURSE)])
        assert response.status is Status.OVERFLOW
        assert "num_ctx (32 tokens)" in response.error

    def test_requests_disable_truncation_by_ollama(self, declare: Any) -> None:
        good = ollama()

        def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
            if path == "/api/chat" and body["truncate"] is False and len(str(body)) > 5000:
                return Reply({"error": "the input length exceeds the context length"}, 400)
            return good(path, body, headers)

        long = (Message("user", "Ein Wort für sich. " * 300),)
        with serve(answer) as server:
            model = resolve(declare("ollama", model="tiny", base_url=server.url))
            cut, whole = answers(model, [Request(long, COURSE), Request(CHAT, COURSE)])
        assert (cut.status, whole.status) == (Status.OVERFLOW, Status.OK)
        assert "exceeds the context length" in cut.error
        said = [body["messages"][-1]["content"] for body in server.bodies("/api/chat")]
        assert sorted(said) == sorted(["What a film!", long[0].content])

    def test_without_num_ctx_the_server_reports_the_context(self, declare: Any) -> None:
        good = ollama(prompt_eval_count=64)

        def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
            if path == "/api/ps":
                return Reply({"models": [{"model": "tiny:latest", "context_length": size}]})
            return good(path, body, headers)

        for size, status in ((64, Status.OVERFLOW), (65, Status.OK)):
            with serve(answer) as server:
                model = resolve(declare("ollama", model="tiny", base_url=server.url))
                responses = answers(model, [Request(CHAT, COURSE), Request(CHAT, Generation(9))])
            assert [response.status for response in responses] == [status] * 2
            assert model.describe()["context_length"] == size

    def test_raw_texts_and_beams_are_rejected(self, declare: Any) -> None:
        with serve(ollama()) as server:
            model = resolve(declare("ollama", model="tiny", base_url=server.url))
            with pytest.raises(ModelError, match="supports only chats"):
                answers(model, [Request("raw")])
            with pytest.raises(ModelError, match="num_beams: 2"):
                answers(model, [Request(CHAT, Generation(num_beams=2))])
