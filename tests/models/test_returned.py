"""What an application may return, and what of it a response carries."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from evalkit.exchange import Request, Response, Status
from evalkit.messages import Message, ToolCall
from evalkit.models.returned import response_of
from evalkit.passages import Passage

CALL = ToolCall("c1", "weather", '{"city": "Paris"}')


def returned(raw: object, prompt: Any = "Is it raining in Paris?") -> Response:
    return response_of(raw, Request(prompt), 0.5)


def test_a_text_is_the_whole_response() -> None:
    assert returned("yes") == Response(
        Status.OK, "yes", "Is it raining in Paris?", finish="stop", seconds=0.5
    )


def test_contexts_are_texts_mappings_or_documents() -> None:
    document = Document(page_content="third", metadata={"id": "d3"})
    scored = {"id": 7, "text": "second", "score": 0.5}
    response = returned({"text": "yes", "contexts": ["first", scored, document]})
    assert response.contexts == (
        Passage("1", "first"),
        Passage("7", "second", 0.5),
        Passage("d3", "third"),
    )


@pytest.mark.parametrize(
    "form",
    [
        {"id": "c1", "function": {"name": "weather", "arguments": CALL.arguments}},
        {"id": "c1", "name": "weather", "arguments": {"city": "Paris"}},
        {"id": "c1", "name": "weather", "args": {"city": "Paris"}, "type": "tool_call"},
        CALL,
    ],
)  # fmt: skip
def test_calls_are_taken_in_every_common_form(form: object) -> None:
    response = returned({"calls": [form]})
    assert response.calls == (CALL,)
    assert response.text == ""
    assert response.calls[0].values == {"city": "Paris"}


def test_a_message_of_langchain_brings_text_calls_and_usage() -> None:
    usage = {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}
    call = {"name": "weather", "args": {"city": "Paris"}, "id": "c1"}
    response = returned(AIMessage("I look.", tool_calls=[call], usage_metadata=usage))
    assert (response.text, response.calls) == ("I look.", (CALL,))
    assert (response.prompt_tokens, response.completion_tokens) == (12, 3)


def test_the_state_of_a_graph_is_read_without_the_prompt_that_it_repeats() -> None:
    call = {"name": "weather", "args": {"city": "Paris"}, "id": "c1"}
    state = {
        "messages": [
            HumanMessage("Is it raining in Paris?"),
            AIMessage("", tool_calls=[call]),
            ToolMessage("rain", tool_call_id="c1"),
            AIMessage("Yes, it is."),
        ]
    }
    response = returned(state, (Message("user", "Is it raining in Paris?"),))
    assert response.text == "Yes, it is."
    assert response.calls == (CALL,)
    assert response.messages == (
        Message("assistant", tool_calls=(CALL,)),
        Message("tool", "rain", tool_call_id="c1"),
        Message("assistant", "Yes, it is."),
    )


def test_calls_of_the_prompts_own_history_are_not_the_responses() -> None:
    history = (
        Message("user", "And Rome?"),
        Message("assistant", tool_calls=(ToolCall("c0", "weather", '{"city": "Rome"}'),)),
        Message("tool", "sun", tool_call_id="c0"),
        Message("user", "Is it raining in Paris?"),
    )
    response = returned({"messages": [*history, Message("assistant", "Yes.")]}, history)
    assert response.calls == ()
    assert response.messages == (Message("assistant", "Yes."),)


def test_usage_has_tokens_and_cost() -> None:
    response = returned(
        {"text": "yes", "usage": {"prompt_tokens": 9, "output_tokens": 2, "cost": 0.01}}
    )
    assert (response.prompt_tokens, response.completion_tokens, response.cost) == (9, 2, 0.01)


def test_arguments_that_are_not_json_are_kept_as_written() -> None:
    [call] = returned({"calls": [{"name": "weather", "arguments": "{city: Paris"}]}).calls
    assert call.values is None
    assert call.plain()["arguments"] == "{city: Paris"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (3, "expected a text or a mapping with 'text', got int"),
        ({"details": {}}, "a mapping without 'text'"),
        ({"text": 4}, "'text' must be a text, not int"),
        ({"text": "a", "context": ["a"]}, "unknown key 'context' .* did you mean 'contexts'"),
        ({"text": "a", "tool_calls": []}, "unknown key 'tool_calls' .* did you mean 'calls'"),
        ({"text": "a", "contexts": [{"title": "x"}]}, "expected passages such as .* in place 1"),
        ({"text": "a", "contexts": [{"id": [1], "text": ""}]}, "the id of passage 1"),
        ({"text": "a", "contexts": [{"id": 1, "score": float("nan")}]}, "of a passage is nan"),
        ({"text": "a", "calls": {"name": "f"}}, "'calls' must be a list"),
        ({"text": "a", "calls": [{"arguments": {}}]}, "expected a call such as"),
        ({"text": "a", "calls": [{"name": "f", "arguments": {"x": {1}}}]}, "must be JSON values"),
        ({"text": "a", "messages": "hi"}, "'messages' must be a list"),
        ({"text": "a", "messages": [3]}, "expected a message such as"),
        ({"text": "a", "usage": 3}, "'usage' must be a mapping"),
        ({"text": "a", "usage": {"cost": "free"}}, "'cost' must be a number"),
        ({"text": "a", "usage": {"prompt_tokens": -1}}, "'prompt_tokens' must be a whole number"),
        ({"text": "a", "details": {"x": {1}}}, "'details' must hold JSON values"),
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_says_what_is_expected(raw: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        returned(raw)


def test_other_keys_belong_to_the_application() -> None:
    assert returned({"text": "a", "route": "billing", "documents": 3}).text == "a"


def test_an_object_that_only_looks_like_a_message_is_refused() -> None:
    with pytest.raises(TypeError, match="got SimpleNamespace"):
        returned(SimpleNamespace(content="x", type="other"))


def test_values_are_what_the_store_gives_back() -> None:
    response = returned({"text": "a", "details": {"s": (1, 2)}})
    assert json.loads(json.dumps(response.details)) == response.details
