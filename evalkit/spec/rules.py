"""Rules between the keys of a suite: what its task asks of them, what they ask of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalkit.spec.parts import CHOOSING
from evalkit.spec.suite import Suite
from evalkit.written.numbers import numbers

_WITHOUT_TARGET = ("summarisation", "generation", "code", "language-modelling")
_ONE_TARGET = ("classification", "safety", "token-classification")

Finding = tuple[tuple[Any, ...], str]
"""The path of the key to look at, and what is wrong."""


def task_rules(suite: Suite) -> Iterator[Finding]:
    """What the task asks of the other keys."""
    task, data, answer = suite.task, suite.data, suite.answer
    if task == "classification" and not suite.labels:
        yield ("labels",), "a classification needs 'labels:', the list of labels to choose from"
    if suite.labels and task not in ("classification", "token-classification"):
        yield ("labels",), f"labels mean nothing for the task {task}; remove them"
    if task == "multiple-choice" and not data.choices:
        yield (
            ("data", "choices"),
            "multiple choice needs 'choices:' in 'data:', a column that holds a list or a list of "
            "columns",
        )
    if data.choices and task != "multiple-choice":
        yield ("data", "choices"), f"choices mean nothing for the task {task}; remove them"
    if answer.method in ("choice", "label") and task not in CHOOSING:
        yield (
            ("answer",),
            f"'{answer.method}' needs labels or choices, which the task {task} has not; use text",
        )
    elif answer.method == "admission" and sorted(suite.labels) != ["admits", "answers"]:
        yield (
            ("answer",),
            "'admission' tells replies that admit to having no answer from those that give one: it "
            "needs 'task: classification' and 'labels: [admits, answers]'",
        )
    elif answer.method == "number" and suite.labels and not _numeric(suite):
        yield (
            ("answer",),
            "'{number: …}' reads a number, but no label is written with one; use text or label",
        )
    elif answer.form == "letter" and task != "multiple-choice":
        yield ("answer",), "letters are for multiple choice; write 'answer: choice'"
    yield from _reading_rules(suite)
    yield from _code_rules(suite)
    if task == "token-classification" and not data.tokens:
        yield (
            ("data", "tokens"),
            "the task token-classification needs 'tokens:', the column with the tokens or the text",
        )
    if data.tokens and task != "token-classification":
        yield ("data", "tokens"), f"tokens mean nothing for the task {task}; remove them"
    if data.canary and task != "safety":
        yield ("data", "canary"), "'canary' is for the task safety; remove it"
    if "refusals" in suite.model_fields_set and task != "safety":
        yield ("refusals",), "'refusals' is for the task safety; remove it"
    yield from _target_rules(suite)


def _numeric(suite: Suite) -> bool:
    return any(numbers(way) for ways in suite.labels.values() for way in ways)


def _reading_rules(suite: Suite) -> Iterator[Finding]:
    reading = suite.task == "language-modelling"
    if reading != (suite.answer.method == "likelihood"):
        told = "it says how likely the text is: remove 'answer:'" if reading else "use text"
        yield ("answer",), f"the task {suite.task} takes no such answer; {told}"
    for name, prompt in suite.prompts.items():
        if reading and prompt.text is None:
            yield (
                ("prompts", name),
                "a text whose likelihood is asked for is no chat: write it under 'text:'",
            )


def _code_rules(suite: Suite) -> Iterator[Finding]:
    if suite.task == "code":
        if not suite.data.tests:
            yield (
                ("data", "tests"),
                "the task code needs 'tests:', the column with the code that tests an answer",
            )
        return
    for key in ("tests", "entry_point", "prefix"):
        if getattr(suite.data, key) is not None:
            yield ("data", key), f"'{key}' is for the task code; remove it"
    if "sandbox" in suite.model_fields_set:
        yield ("sandbox",), "'sandbox' is for the task code; remove it"


def key_rules(suite: Suite) -> Iterator[Finding]:
    """What keys ask of each other, whatever the task."""
    data = suite.data
    for key in ("split", "name", "revision"):
        if getattr(data, key) is not None and data.hf is None:
            yield ("data", key), f"'{key}' goes with 'hf:' only"
    if suite.repeats > 1 and suite.answer.method in ("choice", "likelihood"):
        yield (
            ("repeats",),
            f"'answer: {suite.answer.method}' is about likelihoods, which are the same every time;"
            " remove 'repeats:', or let the model write with 'answer: text'",
        )
    if suite.repeats > 1 and data.pair:
        yield (
            ("data", "pair"),
            "a pair compares one answer with one, but each question is asked several times; remove "
            "'pair:' or 'repeats:'",
        )
    seen: dict[str, int] = {}
    for i, metric in enumerate(suite.metrics):
        if metric.name in seen:
            yield ("metrics", i), f"'{metric.name}' is listed twice"
        seen[metric.name] = i


def _target_rules(suite: Suite) -> Iterator[Finding]:
    task, data = suite.task, suite.data
    if not data.target and task not in _WITHOUT_TARGET:
        yield (
            ("data", "target"),
            f"the task {task} needs 'target:', the column with the right answer",
        )
    if not data.target and task == "summarisation" and not data.source:
        yield (
            ("data", "target"),
            "a summarisation needs 'target:' (the reference summaries), 'source:' (the text that "
            "is summarised) or both",
        )
    if len(data.target) > 1 and task in _ONE_TARGET:
        yield ("data", "target"), f"the task {task} has one right answer: name one column"
    for name, prompt in suite.prompts.items():
        if prompt.shots is None:
            continue
        path = ("prompts", name, "shots")
        if not data.target:
            yield path, "examples need the answer: add 'target:' to 'data:'"
        if prompt.shots.balanced and task not in ("classification", "safety"):
            yield (*path, "balanced"), f"the task {task} has no labels to balance by; remove it"
        count = prompt.shots.count or 0
        if prompt.shots.balanced and suite.labels and 0 < count < len(suite.labels):
            yield (*path, "count"), f"balanced needs one for each of the {len(suite.labels)} labels"
