"""Code generation: programs that must pass their tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from evalkit.answers.extracted import Extracted
from evalkit.records import CodeRun
from evalkit.tasks._extraction import piece, text_in
from evalkit.tasks._task import Column, Target, Task

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.records import Answer, SampleRecord
    from evalkit.sandbox import Program
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite


def _code(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    from evalkit.answers.code import code_in

    if suite.answer.method != "whole":
        return piece(suite, response.text)
    entry = text_in(sample.fields, suite.data.one("entry_point"))
    return code_in(response.text, entry, text_in(sample.fields, suite.data.one("prefix")))


def _passes(sample: SampleRecord, answer: Answer) -> bool:
    return answer.tests is not None and answer.tests.passed


def run_tests(
    suite: Suite,
    samples: Sequence[SampleRecord],
    mode: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Run every answer of the samples with its tests, and record the outcome as its ``tests``.

    mode: ``sandbox`` or ``unsafe``. progress: called with the numbers of finished and of all runs.
    """
    from evalkit.sandbox import Limits, run_all

    places = [
        (sample, i)
        for sample in samples
        for i, answer in enumerate(sample.answers)
        if answer.prediction is not None
    ]
    programs = [program(suite, s.fields, s.answers[i].prediction or "") for s, i in places]
    limits = Limits(seconds=suite.sandbox.seconds, memory_mb=suite.sandbox.memory_mb)
    done = count(1)
    verdicts = run_all(programs, limits, mode, lambda: progress(next(done), len(programs)))
    for (sample, i), verdict in zip(places, verdicts, strict=True):
        tests = CodeRun(verdict.passed, verdict.reason, verdict.output, round(verdict.seconds, 3))
        outcome = "its tests pass" if verdict.passed else f"its tests fail: {verdict.reason}"
        if verdict.together:
            outcome += f" (run in the answer's own process: {verdict.together})"
        answer = sample.answers[i]
        explanation = f"{answer.explanation}; {outcome}"
        sample.answers[i] = replace(answer, tests=tests, explanation=explanation)


def program(suite: Suite, fields: Mapping[str, Any], code: str) -> Program:
    """An answer with the tests of its sample, as the suite's ``data:`` names them.

    Tests that define ``check(candidate)`` are called with the entry point, as in HumanEval.
    """
    from evalkit.answers.code import assembled
    from evalkit.sandbox import Program

    data = suite.data
    tests = fields[data.named("tests")[0]]
    text = "\n".join(map(str, tests)) if isinstance(tests, list) else str(tests)
    entry = text_in(fields, data.one("entry_point"))
    if entry and "def check(" in text:
        text = f"{text}\ncheck({entry})\n"
    prefix = text_in(fields, data.one("prefix"))
    return Program(assembled(code, prefix), text, prefix, entry)


TASK = Task(
    name="code",
    summary="a program that passes its tests",
    target=Target(required=False),
    columns=(
        Column(
            "tests", "the column with the code that tests an answer", required=True, lists="quoted"
        ),
        Column("entry_point", "the column with the name of the requested function"),
        Column("prefix", "the column with the code that precedes the answer"),
    ),
    sections=("sandbox",),
    extract=_code,
    run=run_tests,
    correct=_passes,
    metrics=("pass@1",),
    default_metrics=("pass@1",),
    makes=frozenset({"passed"}),
)
