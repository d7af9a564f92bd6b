"""Sources of rows: the suite itself, a file of the project, or the hub."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import SpecError
from evalkit.spec.cells import list_columns, with_lists
from evalkit.spec.derived import derive
from evalkit.spec.files import locate
from evalkit.spec.readers import Row, RowProblems, Table, is_textual, open_hub, open_table
from evalkit.spec.sections import DataSpec
from evalkit.spec.source import display
from evalkit.spec.suite import Suite
from evalkit.spec.values import plain


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as read from a source.

    fields: the rows. numbers: the line of each in the file (or its number). columns: of all rows,
    computed ones included. digest: SHA-256 of the file or rows. row_problems: problems of single
    rows; more can be added.
    """

    fields: list[dict[str, Any]]
    numbers: Sequence[int]
    columns: tuple[str, ...]
    digest: str
    row_problems: RowProblems


class _SuiteRowProblems(RowProblems):
    """Problems of rows written in the suite itself; a row's number counts from 0."""

    def __init__(self, suite: Suite, path: tuple[Any, ...]) -> None:
        super().__init__(suite.source.file)
        self._suite, self._path = suite, path
        self._labels = suite.source.labels.get(path, ())

    def place(self, number: int) -> tuple[int, str]:
        """The line, and the path with the label of the row if it differs from the number."""
        path = (*self._path, number)
        where = self._suite.source.where(*path)
        label = self._labels[number] if self._labels else str(number)
        return self._suite.line(*path), where if label == str(number) else f"{where} ({label})"

    def named(self, number: int) -> str:
        """The name of a row in a message: ``data.rows[2]``."""
        return self.place(number)[1]


def rows_of_suite(suite: Suite, path: tuple[Any, ...], rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Rows written in the suite, at a path."""
    numbered = ((i, plain(row)) for i, row in enumerate(rows))
    return _gather(suite, Table(numbered), _SuiteRowProblems(suite, path))


def rows_of_file(suite: Suite, path: tuple[Any, ...], name: str) -> Rows:
    """Rows of a file named at a path of the suite.

    Raises SpecError if the file is outside the project, does not exist, or is broken.
    """
    try:
        file = locate(name, suite.path.parent, suite.root, allow_outside=suite.allow_outside)
    except ValueError as error:
        raise SpecError([suite.problem(path, str(error))]) from error
    row_problems = RowProblems(display(file))
    try:
        table = open_table(file, row_problems)
        return _gather(suite, table, row_problems, _digest_file(file), textual=is_textual(file))
    except OSError as error:
        message = f"'{name}' cannot be read: {error.strerror or error}"
        raise SpecError([suite.problem(path, message)]) from error


def rows_of_hub(suite: Suite, path: tuple[Any, ...], data: DataSpec, split: str | None) -> Rows:
    """Rows of a split of the suite's dataset on the hub, named at a path of the suite.

    Raises SpecError if it cannot be loaded.
    """
    assert data.hf is not None
    row_problems = RowProblems(f"hf:{data.hf}", by_line=False)
    try:
        table = open_hub(data.hf, data.name, split, data.revision)
    except ValueError as error:
        raise SpecError([suite.problem(path, str(error))]) from error
    return _gather(suite, table, row_problems)


def _gather(
    suite: Suite,
    table: Table,
    row_problems: RowProblems,
    digest: str = "",
    *,
    textual: bool = False,
) -> Rows:
    """Read a table and compute the suite's own columns.

    Raises SpecError, with the problems of rows so far, if the table breaks off.
    """
    numbers = array("q")
    fields: list[dict[str, Any]] = []
    rows: Iterable[Row] = table
    if textual:
        readings = list_columns(suite.kind, suite.data)
        rows = with_lists(table, readings, row_problems, suite.data.named("choices"))
    try:
        for number, row in rows:
            numbers.append(number)
            fields.append(row)
    except SpecError as error:
        raise SpecError([*row_problems.problems(), *error.problems]) from error
    digest = digest or _digest_rows(fields)
    columns = derive(suite, fields, numbers, table.columns, row_problems)
    return Rows(fields, numbers, columns, digest, row_problems)


def _digest_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _digest_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, sort_keys=True, default=str)
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
