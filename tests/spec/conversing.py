"""Suites of conversations: messages that the data gives, and turns that the model answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import SpecError
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


def problem_of(suite: dict[str, Any] | Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_checked(suite)
    return str(caught.value)


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
