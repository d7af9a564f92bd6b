"""Converts values of other libraries to those of YAML and JSON; a DataFrame to a list of rows."""

from __future__ import annotations

import math
from typing import Any

from evalkit.errors import Problem, SpecError, repeated


def is_frame(value: Any) -> bool:
    """True for a DataFrame (checked without importing pandas)."""
    return hasattr(value, "to_dict") and hasattr(value, "columns") and hasattr(value, "index")


def rows_of_frame(frame: Any, file: str, where: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a DataFrame as plain values, and the labels of its index.

    file, where: the place of a problem. Raises SpecError if two columns have the same name.
    """
    names = [str(name) for name in frame.columns]
    if twice := repeated(names):
        message = f"two columns of the DataFrame are called '{twice}'; rename one"
        raise SpecError([Problem(file, 0, where, message)])
    columns = [[_cell(value) for value in frame.iloc[:, i]] for i in range(len(names))]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    return rows, [str(label) for label in frame.index]


def _cell(value: Any) -> Any:
    from pandas import isna

    listed = isinstance(value, str | list | dict | tuple) or hasattr(value, "__len__")
    return None if not listed and isna(value) else plain(value)


def plain(value: Any) -> Any:
    """Any value as a JSON value; NaN, which marks missing values in tables, becomes None."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if hasattr(value, "tolist"):  # a scalar or an array of NumPy
        return plain(value.tolist())
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
