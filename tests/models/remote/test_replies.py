"""Replies of the OpenAI protocol."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.exchange import Request, Status
from evalkit.messages import ToolCall
from evalkit.models.remote.failures import RequestRejectedError, TemporaryError
from evalkit.models.remote.replies import parse_reply


def reply(message: Any, finish: Any = "stop") -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish}]}


def test_a_message_has_text_and_calls() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]
    response = parse_reply(Request("q"), reply({"content": None, "tool_calls": calls}))
    assert response.status is Status.OK
    assert response.calls == (ToolCall("1", "f", '{"x": 1}'),)
    assert response.text == ""


@pytest.mark.parametrize("finish", ["error", "abort", "cancelled"])
def test_an_answer_that_the_server_did_not_finish_is_tried_again(finish: str) -> None:
    with pytest.raises(TemporaryError, match="did not finish"):
        parse_reply(Request("q"), reply({"content": "Lon"}, finish))


def test_a_filtered_answer_is_none() -> None:
    with pytest.raises(RequestRejectedError, match="content filter"):
        parse_reply(Request("q"), reply({"content": "Lon"}, "content_filter"))


@pytest.mark.parametrize("finish", [None, 7, [], {"a": 1}, True])
def test_a_reason_of_another_type_does_not_matter(finish: object) -> None:
    assert parse_reply(Request("q"), reply({"content": "London"}, finish)).text == "London"


@pytest.mark.parametrize("calls", [[{"id": "1"}], [3], [{"function": {"arguments": "{}"}}], 3, "x"])
def test_a_call_without_a_name_is_tried_again(calls: object) -> None:
    with pytest.raises(TemporaryError, match="call"):
        parse_reply(Request("q"), reply({"content": "", "tool_calls": calls}))
