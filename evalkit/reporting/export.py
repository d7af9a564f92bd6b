"""Tables of a run as files: CSV, Parquet or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import UsageError
from evalkit.files import write_file
from evalkit.reporting.document import finite

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet", ".json")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table in the format of the file's suffix.

    CSV: UTF-8, lists and mappings as JSON. Parquet: columns of mixed types as JSON as well.
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
        write_file(path, flat.to_csv(index=False))
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


def _flat(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(finite(value))
    return value


def _missing(value: Any) -> bool:
    return value is None or bool(value != value)
