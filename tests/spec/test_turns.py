"""Turns that the data gives are samples, or problems of their rows."""

from __future__ import annotations

from typing import Any

import pytest

from .conversing import TURNS, problem_of, turns_suite


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
        (
            {"task": "context-use"},
            "data.turns: the task context-use asks each row several times; 'turns:' is not valid",
        ),
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


def test_a_column_that_every_turn_sets_is_refused() -> None:
    rows = [{**TURNS[1], "user": "x"}]
    assert "the column 'user' is set for each turn" in problem_of(turns_suite(rows))
