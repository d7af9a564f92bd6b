"""Rules between the keys of a suite: those of its task, and those of keys for each other."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit import tasks
from evalkit.answers import admissions
from evalkit.spec.suite import Suite
from evalkit.tasks import Finding
from evalkit.written.numbers import numbers


def task_rules(suite: Suite) -> Iterator[Finding]:
    """What the task requires of the other keys."""
    yield from _label_rules(suite)
    yield from _column_rules(suite)
    yield from _answer_rules(suite)
    yield from _target_rules(suite)
    yield from _shot_rules(suite)
    yield from suite.kind.rules(suite)


def _label_rules(suite: Suite) -> Iterator[Finding]:
    task = suite.kind
    if task.labels == "required" and not suite.labels:
        yield (
            ("labels",),
            f"the task {task.name} needs 'labels:', the list of labels to choose from",
        )
    if suite.labels and not task.labels:
        yield ("labels",), f"the task {task.name} has no labels; remove 'labels:'"


def _column_rules(suite: Suite) -> Iterator[Finding]:
    """Keys that a task requires, and keys that belong to other tasks."""
    task, data = suite.kind, suite.data
    for column in task.columns:
        if column.required and not data.named(column.key):
            message = f"the task {task.name} needs '{column.key}:' in 'data:', {column.meaning}"
            yield ("data", column.key), message
    others = [one for one in tasks.every() if one.name != task.name]
    for key in dict.fromkeys(key for one in others for key in one.sections):
        if key not in task.sections and key in suite.model_fields_set:
            users = " and ".join(one.name for one in others if key in one.sections)
            yield (key,), f"'{key}' is only for the task {users}; remove it"


def _answer_rules(suite: Suite) -> Iterator[Finding]:
    task, answer = suite.kind, suite.answer
    own = answer.method == "choice" and task.options is not None
    if answer.method in ("choice", "label") and not task.choosing and not own:
        yield (
            ("answer",),
            f"'{answer.method}' needs labels or choices, and the task {task.name} has neither;"
            " use text",
        )
    elif answer.method == "admission" and sorted(suite.labels) != sorted(admissions.LABELS):
        yield (
            ("answer",),
            "'admission' distinguishes replies that admit to having no answer from those that give "
            "one: it needs 'task: classification' and 'labels: [admits, answers]'",
        )
    elif answer.method == "number" and suite.labels and not _numeric(suite):
        yield (
            ("answer",),
            "'{number: …}' reads a number, but no label contains one; use text or label",
        )
    elif answer.form == "letter" and not task.column("choices"):
        yield ("answer",), "letters are for multiple choice only; write 'answer: choice'"
    if task.reading != (answer.method == "likelihood"):
        advice = "it measures likelihood: remove 'answer:'" if task.reading else "use text"
        yield ("answer",), f"the task {task.name} does not support this answer; {advice}"


def _numeric(suite: Suite) -> bool:
    return any(numbers(way) for ways in suite.labels.values() for way in ways)


def _target_rules(suite: Suite) -> Iterator[Finding]:
    task, data = suite.kind, suite.data
    if not data.target and task.target.required:
        yield (
            ("data", "target"),
            f"the task {task.name} needs 'target:', the column with the gold answer",
        )
    if len(data.target) > 1 and not task.target.several:
        yield ("data", "target"), f"the task {task.name} has one gold answer: name one column"


def _shot_rules(suite: Suite) -> Iterator[Finding]:
    task = suite.kind
    for name, prompt in suite.prompts.items():
        if prompt.shots is None:
            continue
        path = ("prompts", name, "shots")
        if not suite.data.target:
            yield path, "examples need the gold answer: add 'target:' to 'data:'"
        if prompt.shots.balanced and not task.target.closed:
            message = f"the task {task.name} has no labels to balance by; remove 'balanced'"
            yield (*path, "balanced"), message
        count = prompt.shots.count or 0
        if prompt.shots.balanced and suite.labels and 0 < count < len(suite.labels):
            yield (
                (*path, "count"),
                f"'balanced' needs at least one example for each of the {len(suite.labels)} labels",
            )


def _turn_rules(suite: Suite) -> Iterator[Finding]:
    """What the turns of conversations exclude."""
    data = suite.data
    if data.turns is None:
        if data.history != "own":
            yield ("data", "history"), "'history' is only valid with 'turns:'"
        return
    if data.history == "reference" and not data.target:
        yield ("data", "history"), "'history: reference' needs 'target:', the reference answers"
    if suite.kind.expand is not None:
        message = (
            f"the task {suite.task} asks each row several times; 'turns:' is not valid with it"
        )
        yield ("data", "turns"), message
    if data.pair:
        yield ("data", "pair"), "turns form no pairs; remove 'pair:' or 'turns:'"
    if suite.repeats > 1 and data.history == "own":
        yield (
            ("repeats",),
            "a model's own answers lead to another conversation in every repeat; remove 'repeats:',"
            " or write 'history: reference' in 'data:'",
        )
    for name, prompt in suite.prompts.items():
        path = ("prompts", name)
        if prompt.shots is not None:
            yield (
                (*path, "shots"),
                "'shots' is not valid with 'turns:'; write examples as the first of 'messages:'",
            )
        if prompt.text is not None:
            yield (*path, "text"), "turns are messages of a chat: write 'user:' in place of 'text:'"
        if prompt.history is not None:
            yield (
                (*path, "messages"),
                "a column of messages and 'turns:' exclude each other; write 'user:' for a turn",
            )


def key_rules(suite: Suite) -> Iterator[Finding]:
    """What keys require of each other, for any task."""
    yield from _turn_rules(suite)
    data = suite.data
    for key in ("split", "name", "revision"):
        if getattr(data, key) is not None and data.hf is None:
            yield ("data", key), f"'{key}' is only valid with 'hf:'"
    if suite.repeats > 1 and suite.answer.method in ("choice", "likelihood"):
        yield (
            ("repeats",),
            f"'answer: {suite.answer.method}' uses likelihoods, which are equal in every"
            " repeat; remove 'repeats:', or generate answers with 'answer: text'",
        )
    if suite.repeats > 1 and data.pair:
        yield (
            ("data", "pair"),
            "a pair compares single answers, but 'repeats:' asks for several; remove 'pair:' or "
            "'repeats:'",
        )
    seen: dict[str, int] = {}
    for i, metric in enumerate(suite.metrics):
        if metric.name in seen:
            yield ("metrics", i), f"'{metric.name}' is listed twice"
        seen[metric.name] = i
