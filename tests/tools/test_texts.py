"""Calls in texts: the forms of Hermes, Llama, Mistral and Qwen, and what is none."""

from __future__ import annotations

import time
from typing import Any

import pytest

from evalkit.tools import Toolbox, tools_of
from evalkit.tools.texts import calls_in, hermes_call

TOOLS = Toolbox(
    tools_of(
        [
            {
                "name": "weather",
                "parameters": {"properties": {"city": {"type": "string"}, "days": {}}},
            },
            {"name": "math.add", "parameters": {}},
        ]
    )
)
PARIS = [("weather", {"city": "Paris"})]
TWO = [*PARIS, ("math.add", {"a": 1, "b": [2]})]


def read(text: str) -> list[tuple[str, Any]]:
    return [(call.name, call.values) for call in calls_in(text, TOOLS)]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (hermes_call("weather", {"city": "Paris"}), PARIS),
        (f"Sure.\n{hermes_call(*TWO[0])}\n{hermes_call(*TWO[1])} Wait.", TWO),
        ('<tool_call>[{"name": "weather", "arguments": {"city": "Paris"}}]</tool_call>', PARIS),
        ('<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}', PARIS),
        (
            "<tool_call>\n<function=weather>\n<parameter=city>\n7\n</parameter>\n"
            "<parameter=days>\n7\n</parameter>\n</function>\n</tool_call>",
            [("weather", {"city": "7", "days": 7})],
        ),
        ('{"name": "weather", "parameters": {"city": "Paris"}}', PARIS),
        ('<|python_tag|>{"name": "weather", "parameters": {"city": "Paris"}}<|eom_id|>', PARIS),
        (
            '{"name": "weather", "parameters": {"city": "Paris"}}; {"name": "math.add",'
            ' "parameters": {"a": 1, "b": [2]}}',
            TWO,
        ),
        ('[weather(city="Paris"), math.add(a=1, b=[2])]', TWO),
        ('[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Paris"}}]', PARIS),
        ('[TOOL_CALLS]weather{"city": "Paris"}', PARIS),
        ('[TOOL_CALLS]weather[CALL_ID]a1[ARGS]{"city": "Paris"}', PARIS),
        (
            '[TOOL_CALLS]weather[ARGS]{"city": "Paris"}'
            '[TOOL_CALLS]math.add[ARGS]{"a": 1, "b": [2]}',
            TWO,
        ),
        ('weather{"city": "Paris"}', PARIS),
        ('```json\n[{"name": "weather", "arguments": {"city": "Paris"}}]\n```', PARIS),
        (
            '{"type": "function", "function": {"name": "weather", "arguments": {"city": "Paris"}}}',
            PARIS,
        ),
    ],
)
def test_forms(text: str, calls: list[tuple[str, Any]]) -> None:
    assert read(text) == calls


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is sunny in Paris.",
        'I would call weather{"city": "Paris"}.',
        'For example: {"name": "weather", "parameters": {"city": "Paris"}}',
        '{"name": "Ada", "age": 36}',
        "{}",
        "[]",
        "[1, 2]",
        '[{"name": "weather", "arguments": {}}, 3]',
        "[weather('Paris')]",
        "[weather(city=open('x'))]",
        "[x for x in (1)]",
        "[__import__('os').system('true')]",
        'meteo{"city": "Paris"}',
        "[" * 5000 + ")]",
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('<tool_call>\n{"name": "weather", "arguments": {"city": "Par', "weather"),
        ("<tool_call>weather(Paris)</tool_call>", "?"),
        ("<tool_call></tool_call>", "?"),
        ("[TOOL_CALLS]what?", "?"),
        ('[TOOL_CALLS]weather[ARGS]{"city": "Par', "weather"),
    ],
)
def test_a_marked_call_that_cannot_be_read_is_kept(text: str, name: str) -> None:
    ((found, values),) = read(text)
    assert (found, values) == (name, None)


def test_long_texts_are_read_in_time() -> None:
    for text in (
        "<tool_call>" * 20_000,
        "[TOOL_CALLS]" * 20_000,
        '{"name": ' * 20_000,
        "a" * 10**6,
    ):
        started = time.perf_counter()
        read(text)
        assert time.perf_counter() - started < 2
