"""How backends send tools, and what they do where a model cannot be shown any."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.errors import ModelError
from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, ToolCall
from evalkit.models.registry import resolve
from evalkit.store.keys import response_key
from tests.models.serving import Reply, chat, serve

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
TOOLS = json.dumps([WEATHER])
CHAT = (Message("user", "Weather in Paris?"),)
ASKED = Request(CHAT, tools=TOOLS)
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "P"}'},
}


def answers(model: Any, *requests: Request) -> list[Response]:
    pairs = [pair for batch in model.respond(requests) for pair in batch]
    return [response for _, response in sorted(pairs, key=lambda pair: pair[0])]


def test_tools_are_part_of_the_key_only_where_there_are_some() -> None:
    assert response_key("f", Request(CHAT)) == response_key("f", Request(CHAT, tools=""))
    assert response_key("f", Request(CHAT)) != response_key("f", ASKED)
    other = TOOLS.replace("The weather", "A weather")
    assert response_key("f", Request(CHAT, tools=other)) != response_key("f", ASKED)


def test_openai_gets_tools_and_returns_calls(declare: Any) -> None:
    pytest.importorskip("httpx")

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        return chat("", message=message, finish_reason="tool_calls")

    with serve(answer) as server:
        model = resolve(declare("openai", model="m", base_url=f"{server.url}/v1"))
        with_tools, without = answers(model, ASKED, Request(CHAT))
        with pytest.raises(ModelError, match="takes tools only with chats"):
            answers(model, Request("Weather?", tools=TOOLS))
    bodies = server.bodies("/v1/chat/completions")
    assert sorted("tools" in body for body in bodies) == [False, True]
    assert [body["tools"] for body in bodies if "tools" in body] == [[WEATHER]]
    assert with_tools.calls == (ToolCall("1", "weather", '{"city": "P"}'),)
    assert without.status is Status.OK


def test_ollama_gets_tools_and_returns_calls(declare: Any) -> None:
    pytest.importorskip("langchain_ollama")

    def answer(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        if path == "/api/tags":
            return Reply({"models": [{"name": "tiny:latest", "model": "tiny:latest"}]})
        if path != "/api/chat":
            return Reply({"models": [], "version": "0.9.9"})
        call = {"function": {"name": "weather", "arguments": {"city": "P"}}}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        line = {"model": "tiny", "message": message, "done": True, "done_reason": "stop"}
        return Reply(
            json.dumps(line).encode() + b"\n", headers={"Content-Type": "application/x-ndjson"}
        )

    with serve(answer) as server:
        model = resolve(declare("ollama", model="tiny", base_url=server.url))
        (response,) = answers(model, ASKED)
        model.close()
    (body,) = server.bodies("/api/chat")
    (sent,) = body["tools"]
    assert sent["function"]["name"] == "weather"
    assert sent["function"]["parameters"]["properties"]["city"]["type"] == "string"
    assert [(call.name, call.values) for call in response.calls] == [("weather", {"city": "P"})]


def test_a_function_gets_tools_if_it_takes_them(tmp_path: Path) -> None:
    seen: list[Any] = []

    def takes(prompt: Any, tools: Sequence[Any] = ()) -> dict[str, Any]:
        seen.append(tools)
        return {"text": "", "calls": []}

    def does_not(prompt: Any) -> dict[str, Any]:
        return {"text": "", "calls": []}

    run = evaluate(suite(), {"takes": takes, "does-not": does_not}, root=tmp_path)
    assert seen == [[WEATHER]]
    assert all(cell.statuses == {"ok": 1} for cell in run.record.cells)


def suite(**more: Any) -> dict[str, Any]:
    expected = [{"name": "weather", "arguments": {"city": "P"}}]
    return {
        "suite": "t",
        "task": "tools",
        "tools": [WEATHER],
        "data": {"rows": [{"q": "Weather in Paris?", "calls": expected}], "target": "calls"},
        "prompts": {"p": "{{ q }}"},
        **more,
    }


def test_hermes_asks_in_text_and_reads_text(tmp_path: Path) -> None:
    seen: list[Any] = []

    def model(prompt: Any) -> str:
        seen.append(prompt)
        return '<tool_call>\n{"name": "weather", "arguments": {"city": "P"}}\n</tool_call>'

    prompts = {"p": "{{ q }}", "s": {"system": "Be brief.", "user": "{{ q }}"}}
    declared = suite(tools_form="hermes", prompts=prompts)
    run = evaluate(declared, {"m": model}, root=tmp_path)
    assert [cell.scores["calls_right"].value for cell in run.record.cells] == [1.0, 1.0]
    assert run.record.cells[0].samples[0].answer.calls[0].name == "weather"
    assert [[m["role"] for m in prompt] for prompt in seen] == [["system", "user"]] * 2
    assert '"name": "weather"' in seen[0][0]["content"]
    assert seen[1][0]["content"].startswith("Be brief.\n\nYou may call")
    with pytest.raises(Exception, match="'tools_form: hermes' adds a system message"):
        evaluate(suite(tools_form="hermes", prompts={"p": {"text": "x {{ q }}"}}), {"m": model})


def test_a_truncated_call_in_text_is_unparsed(tmp_path: Path) -> None:
    run = evaluate(
        suite(), {"m": lambda prompt: '<tool_call>{"name": "weather", "ar'}, root=tmp_path
    )
    (cell,) = run.record.cells
    assert cell.statuses == {"unparsed": 1}
    assert cell.scores["valid_calls"].value == 0.0


SHOWING = (
    "{% if tools %}<|system|>{{ tools | tojson }}{% endif %}"
    "{% for m in messages %}<|user|>{{ m.content }}{% endfor %}<|assistant|>"
)
DROPPING = "{% for m in messages %}<|user|>{{ m.content }}{% endfor %}<|assistant|>"


def test_a_chat_template_shows_tools_or_is_refused(tiny_folder: Path, declare: Any) -> None:
    showing = resolve(declare("transformers", model=str(tiny_folder), chat_template=SHOWING))
    (shown,) = answers(showing, ASKED)
    showing.close()
    assert shown.status is not Status.ERROR  # the tiny model's context is short
    assert '"weather"' in shown.sent
    dropping = resolve(declare("transformers", model=str(tiny_folder), chat_template=DROPPING))
    dropped, raw, plain = answers(dropping, ASKED, Request("Weather?", tools=TOOLS), Request(CHAT))
    dropping.close()
    assert (dropped.status, dropped.text) == (Status.ERROR, "")
    assert "does not show tools" in dropped.error
    assert "tools_form: hermes" in dropped.error
    assert "tools need a chat" in raw.error
    assert plain.status is not Status.ERROR


@pytest.mark.model
def test_smollm2_drops_tools_and_is_refused(smollm2: Any) -> None:
    (response,) = answers(smollm2, ASKED)
    assert "does not show tools" in response.error
