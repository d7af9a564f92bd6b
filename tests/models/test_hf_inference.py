"""Chat models behind Hugging Face's inference client."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import ModelError
from evalkit.exchange import Generation, Request, Status
from evalkit.models.registry import resolve
from tests.models.serving import Reply, chat, serve
from tests.models.test_ollama import CHAT, COURSE, QUICK, answers


class TestHuggingFaceInference:
    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("huggingface_hub")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_TOKEN", "hf_of-the-test-123")

    def test_chats_and_raw_texts(self, declare: Any) -> None:
        def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
            if "messages" in body:
                return chat("positive", finish_reason="length")
            details = {
                "finish_reason": "length",
                "generated_tokens": 4,
                "prefill": [],
                "tokens": [],
            }
            return Reply([{"generated_text": " Paris", "details": details}])

        with serve(answer) as server:
            model = resolve(declare("hf-inference", model=server.url, **QUICK))
            requests = [Request(CHAT, COURSE), Request("The capital is", Generation(4))]
            talked, wrote = answers(model, requests)
        (body,) = [body for _, body, _ in server.calls if "messages" in body]
        assert (body["max_tokens"], body["temperature"]) == (10, 0.0)
        (body,) = [body for _, body, _ in server.calls if "inputs" in body]
        assert body["inputs"] == "The capital is"
        assert body["parameters"]["max_new_tokens"] == 4
        assert (talked.text, talked.status) == ("positive", Status.TRUNCATED)
        assert (wrote.text, wrote.status, wrote.completion_tokens) == (
            " Paris",
            Status.TRUNCATED,
            4,
        )
        assert {headers["authorization"] for _, _, headers in server.calls} == {
            "Bearer hf_of-the-test-123"
        }

    def test_failures_are_classified_as_for_other_servers(self, declare: Any) -> None:
        calls = [0]

        def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
            calls[0] += 1
            return Reply({}, 429, {"Retry-After": "0"}) if calls[0] < 3 else chat("well")

        with serve(answer) as server:
            model = resolve(declare("hf-inference", model=server.url, **QUICK))
            (response,) = answers(model, [Request(CHAT)])
            assert (response.text, response.details["tries"]) == ("well", 3)
        with serve(lambda *call: Reply({"error": "no"}, 401)) as server:
            model = resolve(declare("hf-inference", model=server.url, **QUICK))
            with pytest.raises(ModelError, match="Check that the key in HF_TOKEN is valid"):
                answers(model, [Request(CHAT)])
