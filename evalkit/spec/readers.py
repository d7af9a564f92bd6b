"""Reads rows from files (csv, tsv, jsonl, json, parquet) and from the Hugging Face hub.

A reader yields ``(number, row)``; the number counts from 1 and is the line for formats with lines
(csv, tsv, jsonl), else the row. A broken row becomes a complaint and reading continues; a broken
file raises SpecError.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from evalkit.errors import Problem, SpecError, repeated, stated
from evalkit.spec.source import display
from evalkit.spec.strict_json import TwiceError, strict_json, written_twice
from evalkit.spec.values import plain

Row = tuple[int, dict[str, Any]]
FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
_MOST = 10
"""Problems of one kind that are shown; the rest are counted."""


class RowProblems:
    """The problems in the rows of one file, at most ten of a kind."""

    def __init__(self, file: str, by_line: bool = True) -> None:
        """by_line: whether the number of a row is its line in the file."""
        self.file = file
        self.by_line = by_line
        self._kinds: dict[str, list[Problem]] = {}
        self._more: dict[str, int] = {}

    def add(self, kind: str, number: int, message: str, where: str = "") -> None:
        """Add a problem at a line (or row); ``kind`` groups similar ones."""
        problems = self._kinds.setdefault(kind, [])
        if len(problems) >= _MOST:
            self._more[kind] = self._more.get(kind, 0) + 1
            return
        line, row = self.place(number)
        place = ", ".join(filter(None, (row, where)))
        problems.append(Problem(self.file, line, place, message))

    def place(self, number: int) -> tuple[int, str]:
        """The line in the file (0: unknown) of a row, and its name if that is not the line."""
        return (number, "") if self.by_line else (0, f"row {number}")

    def named(self, number: int) -> str:
        """The name of a row in a message: ``line 3``."""
        return f"line {number}" if self.by_line else f"row {number}"

    def problems(self) -> list[Problem]:
        """All problems; the last of a kind says how many more there are."""
        found: list[Problem] = []
        for kind, problems in self._kinds.items():
            more = self._more.get(kind, 0)
            if more:
                last = problems[-1]
                message = f"{last.message} (and {more:,} more of this kind)"
                problems = [*problems[:-1], Problem(last.file, last.line, last.where, message)]
            found += problems
        return found


class Table:
    """Rows read on iteration. ``columns`` is complete once all rows are read."""

    def __init__(self, rows: Iterator[Row], columns: Sequence[str] = ()) -> None:
        self._rows = rows
        self._columns = dict.fromkeys(columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of any row, in order of appearance."""
        return tuple(self._columns)

    def __iter__(self) -> Iterator[Row]:
        keys: Any = None
        for number, row in self._rows:
            if row.keys() != keys:
                keys = row.keys()
                self._columns.update(dict.fromkeys(keys))
            yield number, row


def open_table(path: Path, row_problems: RowProblems) -> Table:
    """The rows of a file.

    Raises SpecError if the format is unknown or the file is broken, OSError if it cannot be read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        ending = path.suffix or "no ending"
        raise _broken(path, 0, f"unknown file format ({ending}); use {', '.join(FORMATS)}")
    row_problems.by_line = path.suffix.lower() not in (".json", ".parquet")
    return reader(path, row_problems)


def is_textual(path: Path) -> bool:
    """True if every value in a file is text, so that lists must be parsed."""
    return path.suffix.lower() in (".csv", ".tsv")


def _broken(path: Path, line: int, message: str) -> SpecError:
    return SpecError([Problem(display(path), line, "", message)])


def _open(path: Path, newline: str = "") -> TextIO:
    return open(path, encoding="utf-8-sig", newline=newline)


def _not_utf8(path: Path) -> SpecError:
    """The line of the first byte that is not UTF-8 (decoders count from their own buffer)."""
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return _broken(path, number, "this line is not UTF-8; save the file as UTF-8")
    return _broken(path, 0, "not UTF-8; save the file as UTF-8")


def _csv(path: Path, row_problems: RowProblems, delimiter: str = ",") -> Table:
    stream = _open(path)
    records = csv.reader(stream, delimiter=delimiter, strict=True)
    try:
        header = next(records, None)
    except (csv.Error, UnicodeDecodeError) as error:
        stream.close()
        raise _csv_failure(path, 1, error) from error
    if not header:
        stream.close()
        raise _broken(path, 1, "no header: the first line must name the columns")
    try:
        _check_header(path, header, delimiter)
    except SpecError:
        stream.close()
        raise
    return Table(_csv_rows(path, stream, records, header, row_problems), header)


def _check_header(path: Path, header: list[str], delimiter: str) -> None:
    if any(not name.strip() for name in header):
        column = next(i for i, name in enumerate(header, 1) if not name.strip())
        raise _broken(path, 1, f"column {column} has no name in the first line")
    _check_distinct(path, 1, header)
    other = "\t" if delimiter == "," else ","
    for mark, advice in ((other, "tabs: name it .tsv"), (";", "semicolons: save it with commas")):
        if len(header) == 1 and mark in header[0]:
            advice = "commas: name it .csv" if mark == "," else advice
            raise _broken(path, 1, f"the columns seem to be separated by {advice}")


def _check_distinct(path: Path, line: int, names: Sequence[str]) -> None:
    if twice := repeated(names):
        raise _broken(path, line, f"two columns are called '{twice}'; rename one")


def _csv_rows(
    path: Path, stream: TextIO, records: Any, header: list[str], row_problems: RowProblems
) -> Iterator[Row]:
    width = len(header)
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    number = 1
    try:
        while True:
            number = records.line_num + 1
            record = next(records, None)
            if record is None:
                return
            if len(record) == width:
                yield number, dict(zip(header, record, strict=True))
            elif record:
                fields = "1 field" if len(record) == 1 else f"{len(record)} fields"
                message = f"{fields}, but the first line names {width} columns"
                if len(record) > width:
                    message += "; a text that contains the separator needs double quotes"
                row_problems.add("ragged", number, message)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _csv_failure(path, number, error) from error
    finally:
        csv.field_size_limit(limit)
        stream.close()


def _csv_failure(path: Path, number: int, error: Exception) -> SpecError:
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(path)
    if "unexpected end of data" in str(error):
        return _broken(path, number, 'a quote (") opened here is never closed')
    if "expected after" in str(error):
        message = 'text follows a closing quote; write a quote inside a text twice ("")'
        return _broken(path, number, message)
    return _broken(path, number, f"cannot be read: {error}")


def _tsv(path: Path, row_problems: RowProblems) -> Table:
    return _csv(path, row_problems, delimiter="\t")


def _jsonl(path: Path, row_problems: RowProblems) -> Table:
    return Table(_jsonl_rows(path, row_problems))


def _jsonl_rows(path: Path, row_problems: RowProblems) -> Iterator[Row]:
    with _open(path, newline="\n") as stream:  # nothing but a line feed ends a line of JSON
        number = 0
        while True:
            number += 1
            try:
                line = next(stream, None)
            except UnicodeDecodeError as error:
                raise _not_utf8(path) from error
            if line is None:
                return
            if line.isspace():
                continue
            try:
                row = strict_json(line)
            except json.JSONDecodeError as error:
                message = (
                    f"is not JSON: {error.msg} (column {error.colno}); write one object per line"
                )
                row_problems.add("json", number, message)
            except TwiceError as error:
                row_problems.add("twice", number, str(error))
            except (ValueError, RecursionError) as error:
                row_problems.add("json", number, f"is not JSON: {error}")
            else:
                if isinstance(row, dict):
                    yield number, row
                else:
                    row_problems.add(
                        "json", number, 'is not a JSON object; write {"column": …} on each line'
                    )


def _json(path: Path, row_problems: RowProblems) -> Table:
    try:
        with _open(path) as stream:
            text = stream.read()
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    try:
        document = strict_json(text)
    except TwiceError as error:
        found = [
            Problem(display(path), line, "", f"'{key}' is written twice, here and in line {first};"
                    " keep one")
            for key, first, line in islice(written_twice(text), _MOST)
        ]  # fmt: skip
        raise SpecError(found) from error
    except json.JSONDecodeError as error:
        hint = (
            "; if it has one object per line, name it .jsonl" if error.msg == "Extra data" else ""
        )
        message = f"is not JSON: {error.msg} (column {error.colno}){hint}"
        raise _broken(path, error.lineno, message) from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, 0, f"is not JSON: {error}") from error
    rows = document.get("data") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise _broken(path, 0, 'must contain a list of rows, or {"data": [rows]}')
    return Table(_objects(rows, row_problems))


def _objects(rows: list[Any], row_problems: RowProblems) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield number, row
        else:
            row_problems.add(
                "json", number, 'is not a JSON object; write a row as {"column": value, …}'
            )


def _parquet(path: Path, row_problems: RowProblems) -> Table:
    try:
        import pyarrow.parquet
    except ImportError as error:
        message = 'reading parquet needs pyarrow: pip install "pytest-evalkit[parquet]"'
        raise _broken(path, 0, message) from error
    try:
        file = pyarrow.parquet.ParquetFile(path)
        columns = [str(name) for name in file.schema_arrow.names]
    except ValueError as error:  # pyarrow's errors of content are
        raise _broken(path, 0, f"is not a parquet file: {error}") from error
    _check_distinct(path, 0, columns)
    return Table(_parquet_rows(path, file), columns)


def _parquet_rows(path: Path, file: Any) -> Iterator[Row]:
    number = 0
    try:
        with file:
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {str(column): plain(value) for column, value in row.items()}
    except (OSError, ValueError) as error:
        raise _broken(path, 0, f"breaks off after row {number}: {error}") from error


def open_hub(name: str, config: str | None, split: str | None, revision: str | None) -> Table:
    """The rows of a dataset on the Hugging Face hub; class labels become their names.

    Raises ValueError with a message that says what to do.
    """
    try:
        import datasets  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ValueError(
            'reading from the hub needs datasets: pip install "pytest-evalkit[datasets]"'
        ) from error
    try:
        data = datasets.load_dataset(name, config, split=split, revision=revision)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the library and the network may raise anything
        raise ValueError(f"'{name}' cannot be loaded: {stated(error)}") from error
    if hasattr(data, "keys"):  # a dict of splits
        splits = ", ".join(map(str, data.keys()))
        raise ValueError(f"'{name}' has several splits; add 'split:' (known: {splits})")
    inner = {column: getattr(f, "feature", f) for column, f in data.features.items()}  # of lists
    names = {column: f.int2str for column, f in inner.items() if hasattr(f, "int2str")}
    return Table(_hub_rows(data, names), list(data.features))


def _hub_rows(data: Any, names: dict[str, Callable[[int], str]]) -> Iterator[Row]:
    for number, row in enumerate(data, 1):
        values = {str(column): plain(value) for column, value in row.items()}
        for column, to_name in names.items():
            value = values[column]
            if isinstance(value, list):
                values[column] = [to_name(v) if _is_class(v) else v for v in value]
            elif _is_class(value):
                values[column] = to_name(value)
        yield number, values


def _is_class(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


_READERS: dict[str, Callable[[Path, RowProblems], Table]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".json": _json,
    ".parquet": _parquet,
}
