"""Tables of a run as files: CSV, Parquet or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import UsageError
from evalkit.files import write_file
from evalkit.reporting.document import finite

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet", ".json")


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell begins with that a spreadsheet takes for a formula, in either width."""


def write_table(frame: pd.DataFrame, path: Path, *, raw: bool = False) -> None:
    """Write a table in the format of the file's suffix.

    CSV: UTF-8, lists and mappings as JSON; a text that a spreadsheet would compute gets an
    apostrophe before it, unless ``raw``. Parquet: columns of mixed types as JSON as well.
    JSON: a list of objects, one per row, undefined numbers null. Raises UsageError for another
    ending, and for Parquet without pyarrow.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}")
    if path.suffix == ".json":
        rows = finite(frame.to_dict(orient="records"))
        write_file(path, json.dumps(rows, ensure_ascii=True, indent=1) + "\n")
        return
    flat = frame.map(_flat)
    if path.suffix == ".csv":
        write_file(path, _csv(flat, raw))
        return
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise UsageError(
            f"{path}: writing Parquet needs pyarrow: pip install 'pytest-evalkit[parquet]'"
        ) from None
    for name in flat.columns:
        kinds = {type(value) for value in flat[name] if not _missing(value)}
        if len(kinds) > 1:
            flat[name] = [None if _missing(v) else json.dumps(v) for v in flat[name]]
    write_file(path, flat.to_parquet(index=False))


def _csv(frame: pd.DataFrame, raw: bool) -> str:
    """A table as CSV."""
    kept = frame if raw else frame.map(_inert).rename(columns=_inert)
    rows = ([None if _missing(v) else v for v in row] for row in kept.itertuples(index=False))
    return "".join(map(_record, [kept.columns, *rows]))


def _record(values: Iterable[Any]) -> str:
    """One row. The writer quotes a lone carriage return, at which many programs begin a new row,
    only if its own line ends contain one."""
    written = StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(values)
    return written.getvalue().removesuffix("\r\n") + "\n"


def _inert(value: Any) -> Any:
    """A text that no spreadsheet computes. Numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _flat(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(finite(value))
    return value


def _missing(value: Any) -> bool:
    return value is None or bool(value != value)
