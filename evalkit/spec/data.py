"""From the rows of a file to the samples of a suite."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.errors import Problem, SpecError, UsageError, nearest, unknown
from evalkit.records import references
from evalkit.spec.choices import as_text, settle_choices
from evalkit.spec.fields import Check
from evalkit.spec.histories import history_of
from evalkit.spec.sources import Rows, rows_of_file, rows_of_hub, rows_of_suite
from evalkit.spec.suite import Suite
from evalkit.spec.turns import Turn, check_turns, placed, split_turns
from evalkit.tasks import Task
from evalkit.written.numbers import one_of


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a suite's data.

    id: its name in reports. index: its position in the data, from 0. fields: the row; values are
    text (csv, tsv) or JSON values. targets: the accepted answers, as text; () if the suite names
    no target column, ``("",)`` for a question without an answer (extractive-qa). choices: the
    choices of a multiple-choice question; the target is one of them. turn: its place in a
    conversation, if it is a turn of one.
    """

    id: str
    index: int
    fields: dict[str, Any]
    targets: tuple[str, ...]
    choices: tuple[str, ...] = ()
    turn: Turn | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        """Rules for the response to this sample alone."""
        return self.turn.checks if self.turn else ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of a suite.

    columns: in the file's order. hash: SHA-256 of the whole file (or rows), also of a subset.
    total: the number of samples in the data, before ``take``. pair: the column that samples
    share which are compared with each other, if any.
    """

    samples: tuple[Sample, ...]
    columns: tuple[str, ...]
    hash: str
    total: int
    pair: str | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def take(self, limit: int | None, seed: int = 0) -> Dataset:
        """A random subset of at most ``limit`` samples, in the data's order.

        The same seed takes the same samples everywhere, and a larger limit only adds to them, so
        cached responses are reused. Pairs stay whole: an odd limit takes one sample less, but at
        least one pair. Of turns, it is the number of conversations. None takes all.
        """
        if limit is not None and self.samples and self.samples[0].turn is not None:
            return self._take_conversations(limit, seed)
        if limit is None or limit >= len(self.samples):
            return self
        if self.pair is not None:
            groups = {str(sample.fields[self.pair]) for sample in self.samples}
            size = max(1, len(self.samples) // len(groups))
            return self._take_pairs(self.pair, max(1, limit // size), seed)
        taken = sorted(shuffled(self.samples, seed)[:limit], key=lambda sample: sample.index)
        return replace(self, samples=tuple(taken))

    def _take_conversations(self, limit: int, seed: int) -> Dataset:
        first: dict[str, Sample] = {}
        for sample in self.samples:
            first.setdefault(_conversation(sample), sample)
        taken = {_conversation(sample) for sample in shuffled(list(first.values()), seed)[:limit]}
        kept = tuple(sample for sample in self.samples if _conversation(sample) in taken)
        return self if len(kept) == len(self.samples) else replace(self, samples=kept)

    def _take_pairs(self, column: str, count: int, seed: int) -> Dataset:
        firsts: dict[str, Sample] = {}
        for sample in self.samples:
            firsts.setdefault(str(sample.fields[column]), sample)
        drawn = shuffled(list(firsts.values()), seed)[:count]
        taken = {str(sample.fields[column]) for sample in drawn}
        kept = [s for s in self.samples if str(s.fields[column]) in taken]
        return replace(self, samples=tuple(kept))


def _conversation(sample: Sample) -> str:
    return sample.turn.conversation if sample.turn else sample.id


def shuffled(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """The samples in an order that depends only on the seed and their ids."""

    def rank(sample: Sample) -> bytes:
        return hashlib.sha256(f"{seed}:{sample.id}".encode("utf-8", "surrogatepass")).digest()

    return sorted(samples, key=rank)


def read_data(suite: Suite) -> tuple[Dataset | None, list[Problem]]:
    """All samples of a suite (``take`` applies limits), and every problem of its data.

    None if nothing could be read. Problems are missing columns, broken rows, duplicate ids, and
    targets that are empty or not a label.
    """
    data = suite.data
    try:
        if data.rows is not None:
            rows = rows_of_suite(suite, ("data", "rows"), data.rows)
        elif data.file is not None:
            rows = rows_of_file(suite, ("data", "file"), data.file)
        else:
            rows = rows_of_hub(suite, ("data", "hf"), data, data.split)
    except SpecError as error:
        return None, list(error.problems)
    if not rows.fields:
        return None, _nothing(suite, rows)
    places: list[Turn] = []
    if suite.data.turns is not None:
        if suite.data.turns not in rows.columns:
            message = unknown("column", suite.data.turns, rows.columns)
            return None, [suite.problem(("data", "turns"), message)]
        rows, places = split_turns(suite, rows, suite.data.id or "id")
        if not rows.fields:
            return None, rows.row_problems.problems()
    missing = _missing_columns(suite, rows.columns)
    samples = make_samples(suite, rows)
    if places:
        check_turns(suite, rows, samples, places)
        samples = placed(suite, samples, places)
    _check_sources(suite, rows)
    _check_pairs(suite, rows)
    _check_columns(suite, rows)
    _check_histories(suite, rows)
    columns, together = rows.columns, suite.data.pair
    expand = _expand_of(suite)
    if expand is not None and not missing and not rows.row_problems.problems():
        samples = _expanded(suite, rows, samples, expand)
        columns, together = (*columns, *suite.kind.adds), "question_id"
    dataset = Dataset(tuple(samples), columns, rows.digest, len(samples), together)
    return dataset, [*missing, *rows.row_problems.problems()]


_Expand = Callable[[Suite, Sample], Sequence[Sample]]


def _expand_of(suite: Suite) -> _Expand | None:
    """How the task makes several samples of one; None also if the suite lacks what that needs."""
    task, data = suite.kind, suite.data
    columns = all(data.named(column.key) for column in task.columns if column.required)
    targets = data.target or not task.target.required
    return task.expand if columns and targets and data.turns is None else None


def _expanded(suite: Suite, rows: Rows, samples: Sequence[Sample], expand: _Expand) -> list[Sample]:
    """The samples that the task makes of those of the data, with numbers of their own."""
    found: list[Sample] = []
    taken = [name for name in suite.kind.adds if name in rows.columns]
    for name in taken:
        message = f"the task {suite.task} adds a column '{name}'; rename that of the data"
        rows.row_problems.add(f"column {name}", rows.numbers[0], message)
    for number, sample in zip(rows.numbers, samples, strict=True):
        try:
            found += expand(suite, sample)
        except ValueError as error:
            rows.row_problems.add("expand", number, str(error))
    return [replace(sample, index=i) for i, sample in enumerate(found)]


def _nothing(suite: Suite, rows: Rows) -> list[Problem]:
    """Why there are no rows: all are broken, or the data is empty."""
    broken = rows.row_problems.problems()
    if broken or (suite.data.rows is not None and "data" in suite.pruned):
        return broken
    if suite.data.rows is not None:
        return [suite.problem(("data", "rows"), "is empty; add a row")]
    key = "file" if suite.data.file else "hf"
    return [suite.problem(("data", key), f"'{rows.row_problems.file}' has no rows")]


def _check_columns(suite: Suite, rows: Rows) -> None:
    """Cells of a task's own columns that the task cannot read."""
    for column in suite.kind.columns:
        name = suite.data.one(column.key)
        if column.read is None or name is None or name not in rows.columns:
            continue
        for number, row in zip(rows.numbers, rows.fields, strict=True):
            try:
                column.read(row.get(name))
            except (ValueError, UsageError) as error:
                rows.row_problems.add(column.key, number, f"column '{name}': {error}")


def _check_histories(suite: Suite, rows: Rows) -> None:
    """Cells of messages that prompts cannot continue."""
    histories = {prompt.history: prompt.system for prompt in suite.prompts.values()}
    for name, system in histories.items():
        if name is None or name not in rows.columns:
            continue
        for number, row in zip(rows.numbers, rows.fields, strict=True):
            try:
                messages = history_of(row.get(name))
            except ValueError as error:
                rows.row_problems.add(f"messages {name}", number, f"column '{name}': {error}")
            else:
                if system is not None and messages[0].role == "system":
                    message = (
                        f"column '{name}': the messages begin with a system message, and the prompt"
                        " has 'system:' too; remove one"
                    )
                    rows.row_problems.add(f"system {name}", number, message)


def _check_sources(suite: Suite, rows: Rows) -> None:
    column = suite.data.source
    if column is None or column not in rows.columns:
        return
    for number, row in zip(rows.numbers, rows.fields, strict=True):
        if not (as_text(row.get(column)) or "").strip():
            message = f"the source is missing (column '{column}')"
            rows.row_problems.add("no source", number, message)


def _check_pairs(suite: Suite, rows: Rows) -> None:
    column = suite.data.pair
    if column is None or column not in rows.columns:
        return
    found: dict[str, list[int]] = {}
    for number, row in zip(rows.numbers, rows.fields, strict=True):
        name = (as_text(row.get(column)) or "").strip()
        if not name:
            rows.row_problems.add("no pair", number, f"the pair is missing (column '{column}')")
        else:
            found.setdefault(name, []).append(number)
    for name, where in found.items():
        if len(where) != 2:
            message = f"the pair '{name}' has {len(where)} samples; a pair has two"
            rows.row_problems.add("pair", where[-1], message)


def _missing_columns(suite: Suite, columns: Sequence[str]) -> list[Problem]:
    data = suite.data
    named: list[tuple[str, tuple[str, ...]]] = [
        ("target", data.target),
        ("id", (data.id,) if data.id else ()),
        ("group", data.group),
        ("cluster", (data.cluster,) if data.cluster else ()),
        ("pair", (data.pair,) if data.pair else ()),
        ("source", (data.source,) if data.source else ()),
        ("input", data.input),
        *((column.key, data.named(column.key)) for column in suite.kind.columns),
    ]
    problems = []
    for key, names in named:
        for i, name in enumerate(names):
            if name in columns:
                continue
            message: str | None = unknown("column", name, columns)
            if key in _OF_RESPONSES and references.is_reference(name):
                message = references.problem(name)
            if name == references.RESPONSE and _may_be_response(suite, key):
                message = None
            if message is not None:
                path = ("data", key, i) if len(names) > 1 else ("data", key)
                problems.append(suite.problem(path, message))
    return problems


def _may_be_response(suite: Suite, key: str) -> bool:
    column = suite.kind.column(key)
    return column is not None and column.or_response


_OF_RESPONSES = ("group",)
"""Keys of ``data:`` that may name a part of the response in place of a column."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What each column holds, reduced to the columns of the data.

    allowed: the only valid targets; () for any. number: which number is read from answers and
    targets, ``first`` or ``last``; "" if they are texts. turns: whether rows are turns, which
    need no target.
    """

    task: Task
    target: tuple[str, ...]
    id: str | None
    choices: tuple[str, ...]
    allowed: tuple[str, ...]
    number: str = ""
    turns: bool = False

    @staticmethod
    def of(suite: Suite, columns: Sequence[str]) -> _Layout:
        data, task = suite.data, suite.kind
        id_column, choices = data.id or "id", data.named("choices")
        return _Layout(
            task=task,
            target=tuple(name for name in data.target if name in columns),
            id=id_column if id_column in columns else None,
            choices=choices if all(name in columns for name in choices) else (),
            allowed=task.target.among(suite) if task.target.among else (),
            number=suite.answer.which if _as_numbers(suite) else "",
            turns=data.turns is not None,
        )


def _as_numbers(suite: Suite) -> bool:
    return suite.answer.method == "number" and suite.kind.comparing_texts


def make_samples(suite: Suite, rows: Rows) -> list[Sample]:
    """Samples from the rows of a suite's data or examples.

    Problems of a row are added to ``row_problems``. Missing columns are ignored: the id is then the
    row's number, targets and choices are empty.
    """
    layout = _Layout.of(suite, rows.columns)
    ids = _ids(layout.id, rows)
    read = suite.kind.target.read
    targets: Sequence[tuple[str, ...]] = (
        _read_by_task(suite, rows, read) if read else _targets(layout, rows)
    )
    choices: Sequence[tuple[str, ...]] = [()] * len(ids)
    if layout.choices:
        choices, targets = settle_choices(layout.choices, rows, targets)
    _check_allowed(layout, rows, targets)
    return [Sample(ids[i], i, row, targets[i], choices[i]) for i, row in enumerate(rows.fields)]


def _ids(column: str | None, rows: Rows) -> list[str]:
    if column is None:
        return [str(i) for i in range(1, len(rows.fields) + 1)]
    row_problems = rows.row_problems
    first: dict[str, int] = {}
    ids = []
    for number, row in zip(rows.numbers, rows.fields, strict=True):
        text = as_text(row.get(column))
        if text is None or not text.strip():
            row_problems.add("id", number, f"the id is missing (column '{column}')")
            text = row_problems.named(number)
        elif text in first:
            there = row_problems.named(first[text])
            message = f"the id '{text}' is already used in {there}; ids must be unique"
            row_problems.add("id twice", number, message)
        else:
            first[text] = number
        ids.append(text)
    return ids


def _read_by_task(
    suite: Suite, rows: Rows, read: Callable[[Suite, Mapping[str, Any]], tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """The targets of each row, read by the task; () and a complaint if that fails."""
    found: list[tuple[str, ...]] = []
    for number, row in zip(rows.numbers, rows.fields, strict=True):
        try:
            found.append(read(suite, row))
        except (ValueError, UsageError) as error:
            rows.row_problems.add("target", number, str(error))
            found.append(())
    return found


def _targets(layout: _Layout, rows: Rows) -> list[tuple[str, ...]]:
    if not layout.target:
        return [()] * len(rows.fields)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = []
    for number, row in zip(rows.numbers, rows.fields, strict=True):
        references = _references(layout, rows, row, number)
        found.append(same.setdefault(references, references))
    return found


def _references(layout: _Layout, rows: Rows, row: dict[str, Any], number: int) -> tuple[str, ...]:
    """The accepted answers of a row without empty ones; a complaint if there are none."""
    row_problems = rows.row_problems
    texts: list[str] = []
    for column in layout.target:
        value = row.get(column)
        for part in value if isinstance(value, list) else [value]:
            text = as_text(part)
            if text is None and part is not None:
                row_problems.add(
                    "target", number, f"the target ('{column}') is not a text: {part!r}"
                )
                return ()
            if text and text.strip():
                texts.append(text)
    if texts:
        if len(texts) > 1 and layout.allowed:
            message = f"has {len(texts)} targets; the task {layout.task.name} has one right answer"
            row_problems.add("targets", number, message)
        if layout.number and all(one_of(text, layout.number) is None for text in texts):
            message = (
                f"no unambiguous number in the target '{texts[0]}'; 'answer: {{number:"
                f" {layout.number}}}' reads a number from targets as well as from answers"
            )
            row_problems.add("number", number, message)
        return tuple(texts)
    if layout.turns:
        return ()
    if layout.task.target.blank:
        return ("",)
    columns = " or ".join(f"'{name}'" for name in layout.target)
    row_problems.add("no target", number, f"the target is missing (column {columns})")
    return ()


def _check_allowed(layout: _Layout, rows: Rows, targets: Sequence[tuple[str, ...]]) -> None:
    """Targets that are not a label: each once, with its first place and its count."""
    if not layout.allowed or not layout.target:
        return
    allowed = set(layout.allowed)
    strays: dict[str, list[int]] = {}
    for number, texts in zip(rows.numbers, targets, strict=True):
        if texts and texts[0] not in allowed:
            strays.setdefault(texts[0], []).append(number)
    for text, where in strays.items():
        guess = nearest(text, layout.allowed)
        hint = f"; did you mean '{guess}'?" if guess else ""
        often = f", in {len(where):,} rows" if len(where) > 1 else ""
        listed = ", ".join(layout.allowed)
        message = f"the target '{text}' is not a label{often}{hint} (labels: {listed})"
        rows.row_problems.add("label", where[0], message)
