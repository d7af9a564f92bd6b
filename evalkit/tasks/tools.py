"""Tools: which functions does the model call, and with which arguments?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evalkit.answers.extracted import Extracted
from evalkit.errors import repeated, shortened
from evalkit.messages import Message, call_of, is_text
from evalkit.tasks._task import Column, Finding, Option, Target, Task
from evalkit.tools import CallRules, expected_in, expected_of, tools_of, written
from evalkit.tools.matching import UNREADABLE
from evalkit.tools.texts import calls_in, hermes, hermes_call

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.messages import ToolCall
    from evalkit.records import SampleRecord, SuiteRecord
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite


def _read(suite: Suite, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The expected calls of a row, each alternative as JSON."""
    column = suite.data.target[0] if suite.data.target else None
    if column is None or column not in row:
        return ()
    cell = row[column]
    if cell is None or cell == "":
        raise ValueError(f"column '{column}' is empty; write [] if nothing is to be called")
    try:
        alternatives = expected_of(cell, suite.call_rules.toolbox(row))
    except ValueError as error:
        raise ValueError(f"column '{column}': {error}") from None
    targets = tuple(map(written, alternatives))
    _refuse_unreachable(suite, row, targets)
    return targets


def _refuse_unreachable(suite: Suite, row: Mapping[str, Any], targets: tuple[str, ...]) -> None:
    """Raise ValueError if none of the permitted answers is right, so that no model can be."""
    column = suite.data.one("permitted")
    if column is None or column not in row or suite.answer.method != "choice":
        return
    offered = (option.calls for option in _options_in(row[column]))
    if not any(suite.call_rules.matched(targets, calls, row).right for calls in offered):
        raise ValueError(f"column '{column}': none of the permitted answers is right")


def _options_in(cell: Any) -> tuple[Option, ...]:
    """The permitted answers of a cell: calls, and texts for not calling anything.

    Raises ValueError or UsageError.
    """
    if not isinstance(cell, list | tuple) or len(cell) < 2:
        raise ValueError(
            "expected a list of two or more permitted answers, calls such as {name: weather,"
            f" arguments: {{city: Paris}}}} or texts without a call, found {shortened(cell)}"
        )
    options = tuple(map(_option, cell))
    if twice := repeated(option.continuation for option in options):
        raise ValueError(f"a permitted answer is listed twice: {twice}")
    return options


def _option(value: Any) -> Option:
    if isinstance(value, str):
        return Option(value, value)
    call = call_of(value)
    arguments = call.values
    if arguments is None:
        raise ValueError(f"'{call.name}': {UNREADABLE}: {call.arguments[:200]}")
    return Option(_plain([(call.name, arguments)]), hermes_call(call.name, arguments), (call,))


def _options(suite: Suite, sample: Sample) -> tuple[Option, ...]:
    return _options_in(sample.fields[suite.data.one("permitted") or ""])


def _shown(suite: Suite, sample: Sample, target: str) -> str:
    """One right answer, for worked examples."""
    calls = [(call.name, call.example) for call in expected_in(target)]
    if suite.tools_form == "hermes":
        return "\n".join(hermes_call(name, arguments) for name, arguments in calls)
    return _plain(calls)


def _plain(calls: list[tuple[str, Any]]) -> str:
    listed = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return json.dumps(listed, ensure_ascii=False)


def _offered(suite: Suite, sample: Sample, request: Request) -> Request:
    """The request with the tools, for the backend or as a system message."""
    tools = suite.call_rules.toolbox(sample.fields)
    if not tools:
        return request
    if suite.tools_form == "native":
        listed = [tool.plain() for tool in tools]
        return replace(request, tools=json.dumps(listed, ensure_ascii=False))
    if is_text(request.prompt):
        return request
    return replace(request, prompt=_described(request.prompt, hermes(tools)))


def _described(messages: tuple[Message, ...], tools: str) -> tuple[Message, ...]:
    """The messages with a description of the tools at the end of the system message."""
    first, *rest = messages
    if first.role != "system":
        return (Message("system", tools), *messages)
    return (replace(first, content=f"{first.text}\n\n{tools}"), *rest)


def _called(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    calls = response.calls
    if not calls:
        calls = tuple(calls_in(response.text, suite.call_rules.toolbox(sample.fields)))
    return replace(_read_calls(suite, sample, calls), calls=calls)


def _read_calls(suite: Suite, sample: Sample, calls: tuple[ToolCall, ...]) -> Extracted:
    for place, call in enumerate(calls, start=1):
        if call.values is None:
            of = f"call {place} of {len(calls)}, " if len(calls) > 1 else ""
            return Extracted(None, f"{of}'{call.name}': {UNREADABLE}: {call.arguments[:200]}")
    found = _plain([(call.name, call.values) for call in calls])
    count = {0: "no call", 1: "1 call"}.get(len(calls), f"{len(calls)} calls")
    return Extracted(found, f"{count}: {_judged(suite, sample, calls)}")


def _judged(suite: Suite, sample: Sample, calls: tuple[ToolCall, ...]) -> str:
    """What is wrong with calls, in words."""
    return suite.call_rules.matched(sample.targets, calls, sample.fields).why or "as expected"


def _confused(suite: SuiteRecord) -> Callable[[SampleRecord], list[tuple[str, str]]]:
    """Finds the entries of the confusion matrix that a sample's shown answer counts in."""
    rules = CallRules.declared(suite.declared)

    def entries(sample: SampleRecord) -> list[tuple[str, str]]:
        return rules.matched(sample.targets, sample.answer.calls, sample.fields).entries

    return entries


def _tool_rules(suite: Suite) -> Iterator[Finding]:
    if suite.tools and suite.data.one("tools"):
        yield (
            ("data", "tools"),
            "'tools:' lists the tools of all samples; remove it, or this column",
        )
    choosing = suite.answer.method == "choice"
    if choosing and not suite.data.one("permitted"):
        yield (
            ("data", "permitted"),
            "'answer: choice' compares permitted calls: name the column with those of each sample",
        )
    if choosing and suite.tools_form != "hermes":
        yield (
            ("tools_form",),
            "'answer: choice' compares calls in the form of Hermes: write 'tools_form: hermes'",
        )
    if suite.tools_form == "hermes":
        for name, prompt in suite.prompts.items():
            if prompt.text is not None:
                yield (
                    ("prompts", name),
                    "'tools_form: hermes' adds a system message, which a raw 'text:' has no place"
                    " for; write the prompt as 'user:'",
                )


_METRICS = (
    *("calls_right", "call_precision", "call_recall", "argument_accuracy"),
    *("valid_calls", "abstains"),
)

TASK = Task(
    name="tools",
    summary="the functions to call, with their arguments",
    target=Target(several=False, lists="bracketed", read=_read, shown=_shown),
    columns=(
        Column(
            "tools",
            "the column with the tools of each sample, in place of `tools:` for all",
            lists="bracketed",
            read=tools_of,
        ),
        Column(
            "permitted",
            "for `answer: choice`, the column with the permitted answers: calls, and texts that "
            "call nothing",
            lists="bracketed",
            read=_options_in,
        ),
    ),
    options=_options,
    sections=("tools", "tools_form", "match"),
    rules=_tool_rules,
    request=_offered,
    extract=_called,
    correct="calls_right",
    metrics=_METRICS,
    default_metrics=_METRICS,
    makes=frozenset({"matched"}),
    analyses=("evalkit.metrics.calls:confusion",),
    confused=_confused,
)
