"""Answers that are code: whether they may be run, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from evalkit.answers.code import assembled
from evalkit.errors import UsageError
from evalkit.records import CodeRun, SampleRecord
from evalkit.sandbox import MODES, Limits, Program, run_all
from evalkit.sandbox.run import require
from evalkit.spec.suite import Suite


def refusal(suite: Suite, mode: str) -> str:
    """Why the answers to a suite may not be run; "" when they may, or when they are no code.

    mode: what was allowed: "" (nothing), ``sandbox`` or ``unsafe``.
    """
    if suite.task != "code":
        return ""
    if not mode:
        return (
            "the answers to this suite are code, and running it has to be allowed: add"
            " --eval-allow-code (from Python: allow_code=True)"
        )
    try:
        require(mode)
    except UsageError as error:
        return str(error)
    return ""


def run_tests(
    suite: Suite,
    samples: Sequence[SampleRecord],
    mode: str,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Run every answer of the samples with its tests; what came of it is its ``tests``.

    told: hears how many are done, of how many, after each.
    """
    if suite.task != "code":
        return
    places = [
        (sample, i)
        for sample in samples
        for i, answer in enumerate(sample.answers)
        if answer.prediction is not None
    ]
    programs = [program(suite, s.fields, s.answers[i].prediction or "") for s, i in places]
    limits = Limits(seconds=suite.sandbox.seconds, memory_mb=suite.sandbox.memory_mb)
    done = count(1)
    verdicts = run_all(programs, limits, mode, lambda: told(next(done), len(programs)))
    for (sample, i), verdict in zip(places, verdicts, strict=True):
        tests = CodeRun(verdict.passed, verdict.reason, verdict.output, round(verdict.seconds, 3))
        outcome = "its tests pass" if verdict.passed else f"its tests fail: {verdict.reason}"
        answer = sample.answers[i]
        explanation = f"{answer.explanation}; {outcome}"
        sample.answers[i] = replace(answer, tests=tests, explanation=explanation)


def program(suite: Suite, fields: Mapping[str, Any], code: str) -> Program:
    """An answer with the tests of its sample, as the suite's ``data:`` names them.

    Tests that define ``check(candidate)`` are called with the entry point, as HumanEval's are.
    """
    data = suite.data
    assert data.tests is not None
    tests = fields[data.tests]
    text = "\n".join(map(str, tests)) if isinstance(tests, list) else str(tests)
    entry = column(fields, data.entry_point)
    if entry and "def check(" in text:
        text = f"{text}\ncheck({entry})\n"
    return Program(assembled(code, column(fields, data.prefix)), text)


def column(fields: Mapping[str, Any], name: str | None) -> str:
    """The text in a column of a row; "" where there is none."""
    value = fields.get(name) if name else None
    return "" if value is None else str(value)


def code_mode(allow: bool | str) -> str:
    """``allow_code=`` of the Python API as a mode: "", ``sandbox`` or ``unsafe``."""
    mode = ("sandbox" if allow else "") if isinstance(allow, bool) else allow
    if mode and mode not in MODES:
        raise UsageError(f"allow_code is True, False or 'unsafe', not {allow!r}")
    return mode
