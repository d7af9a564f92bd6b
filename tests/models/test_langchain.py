"""Chat models of LangChain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import ModelError, SpecError
from evalkit.exchange import Generation, Request, Status
from evalkit.messages import Message
from evalkit.models.registry import resolve
from tests.models.test_ollama import CHAT, answers

OWN_CLASS = """
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

class Parrot(BaseChatModel):
    max_tokens: int = 0
    temperature: float = 1.0
    loud: bool = False
    api_key: str = ""

    @property
    def _llm_type(self):
        return "parrot"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if "break" in messages[-1].content:
            raise ValueError(f"cannot say that with {self.api_key}")
        said = f"{messages[-1].content} {self.max_tokens} {self.temperature} {len(stop or [])}"
        message = AIMessage(
            content=[{"type": "thinking", "thinking": "well"}, {"type": "text", "text": said}]
            if self.loud else said,
            usage_metadata={"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
            response_metadata={"finish_reason": "length", "model_name": "parrot-1"},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

class Silent(BaseChatModel):
    @property
    def _llm_type(self):
        return "silent"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=""))])
"""


class TestLangChain:
    @pytest.fixture(autouse=True)
    def _module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("langchain_core")
        (tmp_path / "chats_of_tests.py").write_text(OWN_CLASS)
        monkeypatch.syspath_prepend(str(tmp_path))

    def test_any_chat_model_answers(self, declare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PARROT_KEY", "parrot-secret-123")
        model = resolve(
            declare(
                "langchain",
                model="chats_of_tests.Parrot",
                arguments={"loud": True},
                api_key_env="PARROT_KEY",
            )
        )
        good, bad = answers(
            model,
            [
                Request((Message("user", "hello"),), Generation(7, stop=(";",))),
                Request((Message("user", "break"),), Generation(7)),
            ],
        )
        assert good.text == "hello 7 0.0 1"
        assert (good.status, good.finish) == (Status.TRUNCATED, "length")
        assert (good.prompt_tokens, good.completion_tokens) == (5, 2)
        assert (good.thinking, good.details) == ("well", {"model": "parrot-1"})
        assert bad.status is Status.ERROR
        assert bad.error == "ValueError: cannot say that with [key]"
        assert "secret" not in repr(model.fingerprint())

    def test_parameters_with_unknown_names_must_be_declared(self, declare: Any) -> None:
        model = resolve(declare("langchain", model="chats_of_tests.Silent"))
        with pytest.raises(ModelError, match=r"Declare parameters: \{max_new_tokens: name\}"):
            answers(model, [Request(CHAT)])
        left_out = {"max_new_tokens": None, "temperature": None}
        model = resolve(declare("langchain", model="chats_of_tests.Silent", parameters=left_out))
        assert answers(model, [Request(CHAT)])[0].status is Status.OK
        sampled = Request(CHAT, Generation(temperature=1.0, top_k=4))
        with pytest.raises(ModelError, match="top_k: 4"):
            answers(model, [sampled])

    def test_other_classes_than_chat_models_are_errors(self, declare: Any) -> None:
        with pytest.raises(ModelError, match="not a chat model of LangChain"):
            resolve(declare("langchain", model="pathlib.Path")).load()
        with pytest.raises(SpecError, match=r"expected package\.module\.Class"):
            resolve(declare("langchain", model="ChatOpenAI"))
