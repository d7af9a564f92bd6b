"""Tools: which functions does the model call, and with which arguments?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from evalkit.answers.extracted import Extracted
from evalkit.tasks._task import Column, Finding, Target, Task
from evalkit.tools import expected_in, expected_of, tools_of, written
from evalkit.tools.matching import UNREADABLE

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.messages import ToolCall
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
    return tuple(map(written, alternatives))


def _shown(suite: Suite, sample: Sample, target: str) -> str:
    """One right answer, for worked examples."""
    return _plain([(call.name, call.example) for call in expected_in(target)])


def _plain(calls: list[tuple[str, Any]]) -> str:
    listed = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return json.dumps(listed, ensure_ascii=False)


def _called(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    calls = response.calls
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


def _tools_once(suite: Suite) -> Iterator[Finding]:
    if suite.tools and suite.data.one("tools"):
        yield (
            ("data", "tools"),
            "'tools:' lists the tools of all samples; remove it, or this column",
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
    ),
    sections=("tools", "match"),
    rules=_tools_once,
    extract=_called,
    correct="calls_right",
    metrics=(
        *("calls_right", "call_precision", "call_recall", "argument_accuracy"),
        *("valid_calls", "abstains"),
    ),
    default_metrics=(
        *("calls_right", "call_precision", "call_recall", "argument_accuracy"),
        *("valid_calls", "abstains"),
    ),
    makes=frozenset({"matched"}),
)
