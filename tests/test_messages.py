"""Messages in OpenAI's form and back, and what keys of stored responses are made of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.errors import UsageError
from evalkit.exchange import Request
from evalkit.messages import (
    ContentPart,
    Message,
    Prompt,
    ToolCall,
    canonical,
    from_openai,
    last_question,
    plain,
    shown,
    size,
    to_openai,
)
from evalkit.store.keys import response_key

CHAT = (Message("system", "Be brief."), Message("user", "Hi?"), Message("assistant", "Hi."))
WEATHER = (
    Message(
        "user",
        (ContentPart("text", "Is it warm?"), ContentPart("image_url", "data:image/png;base64,AA")),
    ),
    Message("assistant", "", tool_calls=(ToolCall("c1", "weather", '{"city": "Rome"}'),)),
    Message("tool", "21 degrees", tool_call_id="c1", name="weather"),
)


def test_plain_messages_are_a_role_and_a_content() -> None:
    assert to_openai(CHAT[:2]) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi?"},
    ]


def test_parts_tool_calls_and_results() -> None:
    question, call, result = to_openai(WEATHER)
    assert question["content"] == [
        {"type": "text", "text": "Is it warm?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]
    function = {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert call["tool_calls"] == [{"id": "c1", "type": "function", "function": function}]
    assert (result["tool_call_id"], result["name"]) == ("c1", "weather")


@pytest.mark.parametrize("prompt", ["raw text", CHAT, WEATHER, ()])
def test_there_and_back(prompt: Prompt) -> None:
    assert from_openai(json.loads(json.dumps(plain(prompt)))) == prompt


def test_optional_fields_of_a_server_may_be_missing() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    body = {"role": "assistant", "content": None, "tool_calls": calls}
    assert from_openai([body]) == (Message("assistant", tool_calls=(ToolCall("1", "f", "{}"),)),)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([{"content": "Hi"}], "expected a message such as"),
        (["Hi"], "expected a message such as"),
        ([{"role": "user", "content": [{"type": "video"}]}], "unknown content part 'video'"),
    ],
)
def test_invalid_messages_are_errors(wrong: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        from_openai(wrong)


def test_texts() -> None:
    assert (shown("raw"), last_question("raw"), size("raw")) == ("raw", "raw", 3)
    assert shown(CHAT) == "system: Be brief.\n\nuser: Hi?\n\nassistant: Hi."
    assert (last_question(CHAT), size(CHAT)) == ("Hi?", 15)
    assert last_question(WEATHER) == "Is it warm?"
    assert last_question((Message("system", "s"),)) == ""


def test_keys_of_plain_messages_match_former_versions() -> None:
    """They were pairs of role and content; responses of an older store are still found."""
    assert canonical(CHAT[:2]) == [["system", "Be brief."], ["user", "Hi?"]]
    assert canonical("raw") == "raw"
    key = "7aa714286a9b11e6"
    assert response_key("w", Request(CHAT[:2])).startswith(key)


def test_the_key_covers_the_whole_message() -> None:
    named = (Message("user", "Hi?", name="Ann"),)
    prompts = [WEATHER, WEATHER[:2], WEATHER[:1], CHAT, named, (Message("user", "Hi?"),), "Hi?"]
    assert len({response_key("w", Request(prompt)) for prompt in prompts}) == len(prompts)
