"""Conversations are asked turn by turn, in rounds."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from tests.spec.conversing import TURNS, turns_suite


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


def test_each_turn_has_the_tools_and_the_history_has_the_calls(tmp_path: Path) -> None:
    seen: list[Any] = []
    offered: list[Any] = []

    def app(prompt: Any, tools: Any) -> dict[str, Any]:
        seen.append(prompt)
        offered.append([tool["function"]["name"] for tool in tools])
        return {"text": "", "calls": [{"name": "look", "arguments": {"at": len(seen)}}]}

    tools = [{"name": "look", "parameters": {"properties": {"at": {"type": "integer"}}}}]
    rows = [
        {"id": "a", "turns": [{"user": f"Look {k}.", "calls": [call(k)]} for k in (1, 2)]},
        {"id": "b", "turns": ["Hello.", {"user": "Look 9.", "calls": [call(9)]}]},
    ]
    suite = {
        "suite": "look",
        "task": "tools",
        "tools": tools,
        "data": {"rows": rows, "turns": "turns", "target": "calls"},
        "prompts": {"p": "{{ user }}"},
    }
    run = evaluate(suite, {"app": app}, root=tmp_path)
    assert offered == [["look"]] * 4
    assert [one["function"]["arguments"] for one in seen[2][1]["tool_calls"]] == ['{"at": 1}']
    cell = run.record.cells[0]
    assert [sample.id for sample in cell.samples] == ["a/1", "a/2", "b/2"]
    assert cell.scores["calls_right"].value == pytest.approx(1 / 3)


def call(at: int) -> dict[str, Any]:
    return {"name": "look", "arguments": {"at": at}}


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
