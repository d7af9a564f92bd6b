"""From the rows of a file to the samples of a suite."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.errors import Problem, SpecError, nearest, unknown
from evalkit.spec.choices import as_text, settle_choices
from evalkit.spec.files import locate
from evalkit.spec.readers import Complaints, Table, open_hub, open_table
from evalkit.spec.source import display
from evalkit.spec.suite import Suite

SAFETY_TARGETS = ("refuse", "comply")
"""What a safety suite may want of the model."""
_SEVERAL_IN_A_CELL = ("qa", "extractive-qa", "summarisation", "translation")


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a suite's data.

    id: names it in reports. index: its position in the data, from 0. fields: the row; values are
    text (csv, tsv) or JSON values. targets: the accepted answers, as text; () where the suite
    names no target, ``("",)`` for a question without an answer (extractive-qa). choices: the
    texts of a multiple-choice question; the target is one of them.
    """

    id: str
    index: int
    fields: dict[str, Any]
    targets: tuple[str, ...]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of a suite.

    columns: in the file's order. hash: SHA-256 of the whole file (or rows), whatever was taken of
    it. total: how many samples the data has; more than there are here after ``take``.
    """

    samples: tuple[Sample, ...]
    columns: tuple[str, ...]
    hash: str
    total: int

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def take(self, limit: int | None, seed: int = 0) -> Dataset:
        """A random subset of at most ``limit`` samples, in the data's order.

        The same seed takes the same samples everywhere, and a larger limit only adds to them
        (so answers already stored stay useful). None takes all.
        """
        if limit is None or limit >= len(self.samples):
            return self
        taken = sorted(shuffled(self.samples, seed)[:limit], key=lambda sample: sample.index)
        return replace(self, samples=tuple(taken))


def shuffled(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """The samples in an order that depends on the seed and their ids alone."""

    def rank(sample: Sample) -> bytes:
        return hashlib.sha256(f"{seed}:{sample.id}".encode("utf-8", "surrogatepass")).digest()

    return sorted(samples, key=rank)


def load_data(suite: Suite) -> Dataset:
    """The samples of a suite, all of them (limits are for ``take``).

    Raises SpecError with everything that is wrong: columns that are not there, broken rows, ids
    that occur twice, targets that are empty or no label.
    """
    dataset, problems = read_data(suite)
    if problems or dataset is None:
        raise SpecError(problems)
    return dataset


def read_data(suite: Suite) -> tuple[Dataset | None, list[Problem]]:
    """As ``load_data``, with what could be read beside the problems (None: nothing)."""
    data = suite.data
    file = suite.source.file

    def failed(key: str, message: str) -> tuple[None, list[Problem]]:
        return None, [suite.problem(("data", key), message)]

    if data.rows is not None:
        complaints = Complaints(file)
        rows = [(suite.line("data", "rows", i), row) for i, row in enumerate(data.rows)]
        table, digest = Table(iter(rows)), _digest_rows(data.rows)
        if not rows:
            return (None, []) if "data" in suite.pruned else failed("rows", "holds no rows")
    elif data.file is not None:
        try:
            path = locate(
                data.file, suite.path.parent, suite.root, allow_outside=suite.allow_outside
            )
        except ValueError as error:
            return failed("file", str(error))
        complaints = Complaints(display(path))
        try:
            table = open_table(path, complaints)
        except SpecError as error:
            return None, list(error.problems)
        digest = ""
    else:
        assert data.hf is not None
        complaints = Complaints(f"hf:{data.hf}", lined=False)
        try:
            table = open_hub(data.hf, data.name, data.split, data.revision)
        except ValueError as error:
            return failed("hf", str(error))
        digest = ""
    try:
        numbers, fields = _gather(table)
    except SpecError as error:
        return None, [*complaints.problems(), *error.problems]
    if not fields:
        complaints.add("empty", 0, "holds no rows")
        return None, complaints.problems()
    if data.file is not None:
        digest = _digest_file(path)
    elif data.hf is not None:
        digest = _digest_rows(fields)
    missing = _missing_columns(suite, table.columns)
    samples = make_samples(Layout.of(suite, table.columns), fields, numbers, complaints)
    dataset = Dataset(tuple(samples), table.columns, digest, len(fields))
    return dataset, [*missing, *complaints.problems()]


def _gather(table: Table) -> tuple[array[int], list[dict[str, Any]]]:
    """All rows, and beside them their numbers (8 bytes each)."""
    numbers = array("q")
    fields: list[dict[str, Any]] = []
    for number, row in table:
        numbers.append(number)
        fields.append(row)
    return numbers, fields


def _digest_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _digest_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, sort_keys=True, default=str)
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _missing_columns(suite: Suite, columns: Sequence[str]) -> list[Problem]:
    data = suite.data
    named: list[tuple[str, tuple[str, ...]]] = [
        ("target", data.target),
        ("id", (data.id,) if data.id else ()),
        ("group", data.group),
        ("source", (data.source,) if data.source else ()),
        ("choices", data.choices),
    ]
    problems = []
    for key, names in named:
        for i, name in enumerate(names):
            if name not in columns:
                path = ("data", key, i) if len(names) > 1 else ("data", key)
                problems.append(suite.problem(path, unknown("column", name, columns)))
    return problems


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns mean what, reduced to those that are there.

    allowed: the only targets there may be; () for any. target_required: an empty target is wrong.
    """

    task: str
    target: tuple[str, ...]
    id: str | None
    choices: tuple[str, ...]
    allowed: tuple[str, ...]
    textual: bool

    @staticmethod
    def of(suite: Suite, columns: Sequence[str], *, textual: bool | None = None) -> Layout:
        """The layout of a suite's data or shots that have these columns.

        textual: cells are text only (csv, tsv), so a list can only be written as JSON.
        """
        data = suite.data
        if textual is None:
            textual = (data.file or "").lower().endswith((".csv", ".tsv"))
        id_column = data.id or "id"
        allowed: tuple[str, ...] = ()
        if suite.task == "classification":
            allowed = suite.label_names
        elif suite.task == "safety":
            allowed = SAFETY_TARGETS
        return Layout(
            task=suite.task,
            target=tuple(name for name in data.target if name in columns),
            id=id_column if id_column in columns else None,
            choices=data.choices if all(name in columns for name in data.choices) else (),
            allowed=allowed,
            textual=textual,
        )


def make_samples(
    layout: Layout, rows: Sequence[dict[str, Any]], numbers: Sequence[int], complaints: Complaints
) -> list[Sample]:
    """Samples out of rows; what is wrong with a row goes to ``complaints``."""
    ids = _ids(layout, rows, numbers, complaints)
    targets = _targets(layout, rows, numbers, complaints)
    if layout.choices:
        choices, targets = settle_choices(layout, rows, targets, numbers, complaints)
        return [Sample(ids[i], i, row, targets[i], choices[i]) for i, row in enumerate(rows)]
    _check_allowed(layout, targets, numbers, complaints)
    return [Sample(ids[i], i, row, targets[i]) for i, row in enumerate(rows)]


def _ids(
    layout: Layout, rows: Sequence[dict[str, Any]], numbers: Sequence[int], complaints: Complaints
) -> list[str]:
    if layout.id is None:
        return [str(i) for i in range(1, len(rows) + 1)]
    first: dict[str, int] = {}
    ids = []
    for number, row in zip(numbers, rows, strict=True):
        text = as_text(row.get(layout.id))
        if text is None or not text.strip():
            complaints.add("id", number, f"the id is missing (column '{layout.id}')")
            text = f"row {number}"
        elif text in first:
            unit = "line" if complaints.lined else "row"
            message = f"the id '{text}' is there already, in {unit} {first[text]}; ids are unique"
            complaints.add("id twice", number, message)
        else:
            first[text] = number
        ids.append(text)
    return ids


def _targets(
    layout: Layout, rows: Sequence[dict[str, Any]], numbers: Sequence[int], complaints: Complaints
) -> list[tuple[str, ...]]:
    if not layout.target:
        return [()] * len(rows)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = []
    for number, row in zip(numbers, rows, strict=True):
        references = _references(layout, row, number, complaints)
        found.append(same.setdefault(references, references))
    return found


def _references(
    layout: Layout, row: dict[str, Any], number: int, complaints: Complaints
) -> tuple[str, ...]:
    """The accepted answers of a row; empty ones are left out, and none at all is a complaint."""
    texts: list[str] = []
    for column in layout.target:
        value = row.get(column)
        if layout.textual and layout.task in _SEVERAL_IN_A_CELL:
            value = _listed(value)
        for part in value if isinstance(value, list) else [value]:
            text = as_text(part)
            if text is None and part is not None:
                complaints.add("target", number, f"the target ('{column}') is no text: {part!r}")
                return ()
            if text and text.strip():
                texts.append(text)
    if texts:
        if len(texts) > 1 and layout.allowed:
            message = f"has {len(texts)} targets; the task {layout.task} has one right answer"
            complaints.add("targets", number, message)
        return tuple(texts)
    if layout.task == "extractive-qa":
        return ("",)
    columns = " or ".join(f"'{name}'" for name in layout.target)
    complaints.add("no target", number, f"the target is missing (column {columns})")
    return ()


def _listed(value: Any) -> Any:
    """A cell of a csv file that holds a JSON list of texts, as that list."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        if isinstance(parsed, list) and all(isinstance(item, str) for item in parsed):
            return parsed
    return value


def _check_allowed(
    layout: Layout,
    targets: Sequence[tuple[str, ...]],
    numbers: Sequence[int],
    complaints: Complaints,
) -> None:
    """Targets that are no label: each once, with the first place and how often it occurs."""
    if not layout.allowed or not layout.target:
        return
    allowed = set(layout.allowed)
    strays: dict[str, list[int]] = {}
    for number, texts in zip(numbers, targets, strict=True):
        if texts and texts[0] not in allowed:
            strays.setdefault(texts[0], []).append(number)
    for text, where in strays.items():
        guess = nearest(text, layout.allowed)
        hint = f"; did you mean '{guess}'?" if guess else ""
        often = f", in {len(where):,} rows" if len(where) > 1 else ""
        listed = ", ".join(layout.allowed)
        message = f"the target '{text}' is no label{often}{hint} (labels: {listed})"
        complaints.add("label", where[0], message)
