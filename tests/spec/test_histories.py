"""Messages that the data gives are prompts, or problems of their rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.messages import Message, ToolCall
from evalkit.spec.load import load_checked

from .conversing import HISTORY, messages_suite, problem_of


def rendered(suite: dict[str, Any]) -> Any:
    found = load_checked(suite)
    return found.variants["p"].render(found.dataset.samples[0])


def test_messages_of_a_column_are_the_prompt_and_never_a_template() -> None:
    assert rendered(messages_suite()) == (
        Message("user", "I have {{ 7 * 7 }} apples."),
        Message("assistant", "Good."),
        Message("user", "How many?"),
    )


def test_a_system_message_comes_before_the_column() -> None:
    prompt = {"system": "Answer about {{ answer }}.", "messages": "history"}
    first, *rest = rendered(messages_suite(prompt=prompt))
    assert first == Message("system", "Answer about 49.")
    assert [message.role for message in rest] == ["user", "assistant", "user"]


def test_calls_and_results_of_tools_are_read() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "count", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "49"},
    ]
    _, called, result = rendered(messages_suite(history))
    assert called.tool_calls == (ToolCall("c1", "count", "{}"),)
    assert result == Message("tool", "49", tool_call_id="c1")


def test_a_csv_file_holds_messages_as_json(tmp_path: Path) -> None:
    (tmp_path / "talk.csv").write_text(
        "id,history,answer\na,{},49\n".format('"' + json.dumps(HISTORY).replace('"', '""') + '"'),
        encoding="utf-8",
    )
    file = tmp_path / "talk.eval.yaml"
    file.write_text(
        "task: qa\ndata: {file: talk.csv, target: answer}\nprompt: {messages: history}\n",
        encoding="utf-8",
    )
    found = load_checked(file)
    prompt = found.variants["default"].render(found.dataset.samples[0])
    assert isinstance(prompt, tuple)
    assert prompt[-1] == Message("user", "How many?")


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        (None, "expected a list of messages such as [{role: user, content: Hi}], found nothing"),
        ([], "found nothing"),
        ("How many?", "found 'How many?'"),
        ("[{", "the messages are not valid JSON"),
        (["Hi"], "message 1: expected a mapping such as {role: user, content: Hi}, found 'Hi'"),
        ([{"from": "human", "value": "Hi"}], "rename 'from' to 'role' and 'value' to 'content'"),
        ([{"role": "usr", "content": "Hi"}], "message 1: unknown role 'usr'; did you mean 'user'?"),
        ([{"role": "user"}], "message 1: the content of the user's message is missing"),
        ([{"role": "user", "content": 5}], "'content' must be a text or a list of parts, found 5"),
        ([{"role": "user", "content": ["Hi"]}], "expected a part such as {type: text, text: Hi}"),
        ([{"role": "user", "content": [{"type": "audio", "audio": "x"}]}], "unknown content part"),
        (HISTORY[:2], "the last message is of the role assistant"),
        ([HISTORY[0], {"role": "system", "content": "x"}, HISTORY[2]], "message 2 is a system mes"),
        ([HISTORY[0], {"role": "assistant"}, HISTORY[2]], "neither 'content' nor 'tool_calls'"),
        ([{"role": "user", "content": "Hi", "tool_calls": [3]}], "expected a call such as"),
    ],
)
def test_invalid_messages_are_problems_of_their_row(history: Any, problem: str) -> None:
    found = problem_of(messages_suite(history))
    assert problem in found
    assert "data.rows[0]: column 'history': " in found


def test_only_the_first_invalid_rows_are_listed() -> None:
    suite = messages_suite()
    suite["data"]["rows"] = [{"id": str(i), "history": [], "answer": "1"} for i in range(40)]
    found = problem_of(suite)
    assert found.count("column 'history'") == 10
    assert "(and 30 more of this kind)" in found


def test_two_system_messages_are_refused() -> None:
    history = [{"role": "system", "content": "Be brief."}, *HISTORY]
    prompt = {"system": "Be long.", "messages": "history"}
    assert "and the prompt has 'system:' too; remove one" in problem_of(
        messages_suite(history, prompt)
    )


@pytest.mark.parametrize(
    ("prompt", "problem"),
    [
        ({"messages": "histroy"}, "prompts.p.messages: unknown column 'histroy'; did you mean"),
        ({"messages": " "}, "prompts.p.messages: must not be empty"),
        ({"messages": 5}, "prompts.p.messages: expected a list, found the number 5"),
        ({"messages": "history", "user": "{{ answer }}"}, "exclude each other; keep one"),
        (
            {"messages": "history", "shots": {"from": "data", "count": 1}},
            "'shots' is not valid with a column of messages",
        ),
        (
            {"system": "a", "messages": [{"role": "user", "content": "b"}]},
            "not with 'messages'; write it as the first message",
        ),
    ],
)
def test_invalid_prompts_with_messages(prompt: Any, problem: str) -> None:
    assert problem in problem_of(messages_suite(prompt=prompt))


def test_a_misspelt_key_of_a_message_keeps_its_place() -> None:
    prompt = {"messages": [{"role": "user", "contnt": "a"}]}
    found = problem_of(messages_suite(prompt=prompt))
    assert "prompts.p.messages[0].contnt: unknown key 'contnt'; did you mean 'content'?" in found


def test_models_and_judges_see_the_whole_conversation(tmp_path: Path) -> None:
    asked: list[Any] = []
    judged: list[str] = []

    def app(prompt: Any) -> str:
        asked.append(prompt)
        return "49"

    def grader(prompt: Any) -> str:
        judged.append(prompt[-1]["content"])
        return "Rating: 4"

    judges = [{"rubric": "helpfulness", "by": "grader", "method": "text"}]
    suite = messages_suite(judges=judges, models=["app"])
    run = evaluate(suite, {"app": app, "grader": grader}, root=tmp_path)
    assert [message["content"] for message in asked[0]] == [m["content"] for m in HISTORY]
    assert "user: I have {{ 7 * 7 }} apples.\n\nassistant: Good.\n\nuser: How many?" in judged[0]
    assert run.record.cells[0].scores["exact_match"].value == 1.0


def test_a_history_needs_turns() -> None:
    suite = messages_suite()
    suite["data"]["history"] = "reference"
    assert "'history' is only valid with 'turns:'" in problem_of(suite)
