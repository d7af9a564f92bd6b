"""Conversations: messages that the data gives, and turns that the model answers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.errors import SpecError
from evalkit.messages import Message, ToolCall
from evalkit.spec.load import load_checked

HISTORY = [
    {"role": "user", "content": "I have {{ 7 * 7 }} apples."},
    {"role": "assistant", "content": "Good."},
    {"role": "user", "content": "How many?"},
]


def messages_suite(history: Any = HISTORY, prompt: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "suite": "talk",
        "task": "qa",
        "data": {"rows": [{"id": "a", "history": history, "answer": "49"}], "target": "answer"},
        "prompts": {"p": {"messages": "history"} if prompt is None else prompt},
        "metrics": ["exact_match"],
        **more,
    }


def rendered(suite: dict[str, Any]) -> Any:
    found = load_checked(suite)
    return found.variants["p"].render(found.dataset.samples[0])


def problem_of(suite: dict[str, Any] | Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_checked(suite)
    return str(caught.value)


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


TURNS = [
    {"id": "a", "city": "Paris", "turns": ["Hi.", {"user": "Two?", "target": "2"}]},
    {
        "id": "b",
        "city": "Rome",
        "turns": [
            {"user": "One?", "target": "1"},
            {"user": "And {{ city }}?", "target": "no", "checks": [{"max_words": 3}]},
            {"user": "Three?", "target": "3", "city": "Oslo"},
        ],
    },
]


def turns_suite(rows: Any = None, data: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "suite": "talk",
        "task": "qa",
        "data": {
            "rows": TURNS if rows is None else rows,
            "turns": "turns",
            "target": "target",
            **(data or {}),
        },
        "prompts": {"p": {"system": "In {{ city }}.", "user": "{{ user }}"}},
        "metrics": ["exact_match"],
        **more,
    }


class Echo:
    """Counts the user's turns; keeps every prompt."""

    def __init__(self, fail: str = "") -> None:
        self.prompts: list[list[tuple[str, str]]] = []
        self.fail = fail

    def __call__(self, prompt: Any) -> str:
        self.prompts.append([(one["role"], one["content"]) for one in prompt])
        said = [content for role, content in self.prompts[-1] if role == "user"]
        if self.fail and said[-1] == self.fail:
            raise RuntimeError("no line")
        return str(len(said))


def test_own_answers_become_the_history(tmp_path: Path) -> None:
    app = Echo()
    run = evaluate(turns_suite(), {"app": app}, root=tmp_path)
    assert app.prompts == [
        [("system", "In Paris."), ("user", "Hi.")],
        [("system", "In Rome."), ("user", "One?")],
        [("system", "In Paris."), ("user", "Hi."), ("assistant", "1"), ("user", "Two?")],
        [
            *[("system", "In Rome."), ("user", "One?"), ("assistant", "1")],
            ("user", "And {{ city }}?"),
        ],
        [
            *[("system", "In Rome."), ("user", "One?"), ("assistant", "1")],
            *[("user", "And {{ city }}?"), ("assistant", "2"), ("user", "Three?")],
        ],
    ]
    cell = run.record.cells[0]
    # the first turn of `a` has no target: it is asked and not scored
    assert [sample.id for sample in cell.samples] == ["a/2", "b/1", "b/2", "b/3"]
    assert [sample.prediction for sample in cell.samples] == ["2", "1", "2", "3"]
    assert cell.scores["exact_match"].value == 0.75
    assert cell.scores["exact_match[turn=2]"].n == 2
    assert cell.scores["exact_match[turn=2]"].value == 0.5
    assert cell.samples[2].fields["conversation"] == "b"
    assert [check.rule for check in cell.samples[2].checks] == ["max_words: 3"]
    assert not cell.samples[1].checks
    assert cell.checks == {"max_words: 3": 0}


def test_references_become_the_history(tmp_path: Path) -> None:
    app = Echo()
    rows = [TURNS[1]]
    evaluate(turns_suite(rows, {"history": "reference"}), {"app": app}, root=tmp_path)
    assert app.prompts[2][1:] == [
        ("user", "One?"), ("assistant", "1"), ("user", "And {{ city }}?"), ("assistant", "no"),
        ("user", "Three?"),
    ]  # fmt: skip


def test_scores_are_clustered_by_conversation(tmp_path: Path) -> None:
    rows = [
        {"id": str(i), "turns": [{"user": "q", "target": str(1 + (i + k) % 2)} for k in range(4)]}
        for i in range(12)
    ]
    clustered = evaluate(turns_suite(rows, prompts={"p": "{{ user }}"}), {"app": Echo()},
                         root=tmp_path)  # fmt: skip
    declared = clustered.record.suites["talk"].declared["data"]
    assert declared["cluster"] == "conversation"
    assert declared["group"] == ["turn"]
    assert clustered.record.cells[0].n == 48


def test_each_distinct_request_is_made_once_and_a_second_run_makes_none(tmp_path: Path) -> None:
    def app(prompt: Any) -> str:
        asked.append(prompt)
        return "1"

    asked: list[Any] = []
    app.evalkit_fingerprint = "v1"  # type: ignore[attr-defined]
    rows = [{"id": str(i), "turns": TURNS[1]["turns"]} for i in range(4)]
    suite = turns_suite(rows, prompts={"p": "{{ user }}"})
    first = evaluate(suite, {"app": app}, root=tmp_path)
    assert len(asked) == 3
    again = evaluate(suite, {"app": app}, root=tmp_path)
    assert len(asked) == 3
    assert again.record.cells[0].cached == 12
    assert first.record.cells[0].scores == again.record.cells[0].scores


def test_after_an_error_later_turns_say_why_they_were_not_asked(tmp_path: Path) -> None:
    app = Echo(fail="And {{ city }}?")
    run = evaluate(turns_suite(max_errors=5), {"app": app}, root=tmp_path)
    cell = run.record.cells[0]
    assert [sample.status for sample in cell.samples] == ["ok", "ok", "error", "error"]
    assert "no line" in cell.samples[2].error
    assert "turn 2 of the conversation has no answer (error: " in cell.samples[3].error
    assert "so this turn was not asked" in cell.samples[3].error
    assert cell.scores["exact_match"].n == 2
    assert cell.statuses == {"ok": 2, "error": 2}


def test_an_error_in_a_turn_without_a_target_is_seen_in_the_next(tmp_path: Path) -> None:
    run = evaluate(turns_suite([TURNS[0]]), {"app": Echo(fail="Hi.")}, root=tmp_path)
    (sample,) = run.record.cells[0].samples
    assert "turn 1 of the conversation has no answer" in sample.error


def test_a_prompt_that_cannot_be_rendered_ends_its_conversation(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "turns": [{"user": "x", "target": "1", "w": "y"}, {"user": "x", "target": "2"}]}
    ]
    suite = turns_suite(rows, prompts={"p": "{{ user }} {{ w }}"})
    run = evaluate(suite, {"app": Echo()}, root=tmp_path)
    first, second = run.record.cells[0].samples
    assert first.prediction == "1"
    assert second.status == "error"
    assert "'w'" in second.error


def test_a_limit_counts_conversations(tmp_path: Path) -> None:
    rows = [{"id": str(i), "turns": TURNS[1]["turns"]} for i in range(9)]
    run = evaluate(turns_suite(rows, prompts={"p": "{{ user }}"}), {"app": Echo()}, root=tmp_path,
                   limit=4)  # fmt: skip
    found = [sample.fields["conversation"] for sample in run.record.cells[0].samples]
    assert len(found) == 12
    assert len(set(found)) == 4


def test_leading_messages_open_the_conversation_once(tmp_path: Path) -> None:
    app = Echo()
    opening = [
        {"role": "user", "content": "Ready in {{ city }}?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "{{ turn }}: {{ user }}"},
    ]
    evaluate(turns_suite([TURNS[1]], prompts={"p": {"messages": opening}}), {"app": app},
             root=tmp_path)  # fmt: skip
    assert [content for _, content in app.prompts[2]] == [
        *("Ready in Rome?", "Yes.", "1: One?", "2", "2: And {{ city }}?", "3", "3: Three?")
    ]


def test_messages_of_an_application_stay_in_the_history(tmp_path: Path) -> None:
    seen: list[Any] = []

    def app(prompt: Any) -> dict[str, Any]:
        seen.append(prompt)
        call = {"id": "c", "function": {"name": "look", "arguments": "{}"}}
        return {
            "messages": [
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": "7"},
                {"role": "assistant", "content": "7"},
            ]
        }

    evaluate(turns_suite([TURNS[0]]), {"app": app}, root=tmp_path)
    assert [one["role"] for one in seen[1]] == [
        *("system", "user", "assistant", "tool", "assistant", "user")
    ]


def test_repeats_follow_the_references(tmp_path: Path) -> None:
    suite = turns_suite([TURNS[1]], {"history": "reference"}, repeats=2)
    suite["generation"] = {"temperature": 0.5}
    run = evaluate(suite, {"app": Echo()}, root=tmp_path)
    assert [len(sample.answers) for sample in run.record.cells[0].samples] == [2, 2, 2]


def test_judges_see_the_turns_before(tmp_path: Path) -> None:
    judged: list[str] = []

    def grader(prompt: Any) -> str:
        judged.append(prompt[-1]["content"])
        return "Rating: 4"

    judges = [{"rubric": "helpfulness", "by": "grader", "method": "text"}]
    suite = turns_suite([TURNS[1]], judges=judges, models=["app"])
    evaluate(suite, {"app": Echo(), "grader": grader}, root=tmp_path)
    assert "user: One?\n\nassistant: 1\n\nuser: And {{ city }}?" in judged[1]
    assert "user: One?" not in judged[0]


@pytest.mark.parametrize(
    ("turns", "problem"),
    [
        (None, "expected a list of the user's turns, each a text, found nothing"),
        ("Hi", "found 'Hi'"),
        ("[1", "the turns are not valid JSON"),
        ([3], "turn 1: expected a text or a mapping with 'user', found 3"),
        (["a", " "], "turn 2: 'user' must be the text of the user, found ' '"),
        ([{"target": "x"}], "turn 1: 'user' must be the text of the user, found nothing"),
        ([{"role": "user", "content": "x"}], "evalkit asks the model for the other side's"),
        ([{"user": "x", "turn": 1}], "turn 1: 'turn' is set by evalkit; rename it"),
        ([{"user": "x", "target": "1", "checks": [{"max_word": 3}]}], "did you mean 'max_words'?"),
        ([{"user": "x", "checks": {"max_words": 3}}, {"user": "y", "target": "1"}],
         "turn 1 has checks but no target"),
        (["x", "y"], "no turn has a target (column 'target')"),
    ],
)  # fmt: skip
def test_invalid_turns_are_problems_of_their_row(turns: Any, problem: str) -> None:
    rows = [TURNS[1], {"id": "a", "city": "Rome", "turns": turns}]
    found = problem_of(turns_suite(rows))
    assert problem in found
    assert "data.rows[1]" in found


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"data": {"turns": "turn"}}, "data.turns: unknown column 'turn'; did you mean 'turns'?"),
        ({"data": {"pair": "city"}}, "data.pair: turns form no pairs"),
        ({"data": {"history": "both"}}, "data.history: unknown value 'both'"),
        ({"data": {"history": "reference"}}, "turn 1 has no target, which 'history: reference'"),
        ({"repeats": 3}, "remove 'repeats:', or write 'history: reference'"),
        ({"prompts": {"p": {"text": "{{ user }}"}}}, "write 'user:' in place of 'text:'"),
        ({"prompts": {"p": {"messages": "turns"}}}, "and 'turns:' exclude each other"),
        (
            {"prompts": {"p": {"user": "{{ user }}", "shots": {"from": "data", "count": 1}}}},
            "'shots' is not valid with 'turns:'",
        ),
        ({"prompts": {"p": "{{ usr }}"}}, "unknown variable 'usr'; did you mean 'user'?"),
    ],
)
def test_what_turns_exclude(keys: dict[str, Any], problem: str) -> None:
    assert problem in problem_of(turns_suite(**keys))


def test_a_history_needs_turns() -> None:
    suite = messages_suite()
    suite["data"]["history"] = "reference"
    assert "'history' is only valid with 'turns:'" in problem_of(suite)


def test_a_column_that_every_turn_sets_is_refused() -> None:
    rows = [{**TURNS[1], "user": "x"}]
    assert "the column 'user' is set for each turn" in problem_of(turns_suite(rows))


KILLED = """
import os, signal, sys, time
from pathlib import Path

ROOT, LAST = Path(sys.argv[1]), int(sys.argv[2])

def app(prompt):
    with open(ROOT / "asked.txt", "a") as log:
        log.write(f"{len(prompt)} {prompt[-1]['content']}\\n")
    if len((ROOT / "asked.txt").read_text().splitlines()) == LAST:
        time.sleep(1.5)  # what came before is stored within half a second
        os.kill(os.getpid(), signal.SIGKILL)
    return f"so {prompt[-1]['content']}"

app.evalkit_fingerprint = "v1"
rows = [{"id": str(i), "turns": [f"{i}.{k}" for k in range(4)]} for i in range(5)]
suite = {"suite": "talk", "task": "generation", "data": {"rows": rows, "turns": "turns"},
         "prompts": {"p": "{{ user }}"}, "metrics": ["distinct_1"]}
from evalkit import evaluate
run = evaluate(suite, {"app": app}, root=ROOT)
print([sample.output for sample in run.record.cells[0].samples])
"""


def test_a_killed_run_goes_on_at_the_turn_it_reached(tmp_path: Path) -> None:
    script = tmp_path / "go.py"
    script.write_text(KILLED, encoding="utf-8")

    def go(last: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), str(tmp_path), str(last)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    # in the second turn of the third conversation, then in the fourth turn of the second
    assert go(8).returncode == -signal.SIGKILL
    assert go(18).returncode == -signal.SIGKILL
    ended = go(0)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str([f"so {i}.{k}" for i in range(5) for k in range(4)])
    asked = (tmp_path / "asked.txt").read_text(encoding="utf-8").splitlines()
    expected = [f"{2 * k + 1} {i}.{k}" for k in range(4) for i in range(5)]
    # only the two questions during which the process was killed are asked again
    assert sorted(asked) == sorted([*expected, "3 2.1", "7 1.3"])
