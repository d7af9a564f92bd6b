"""Values of other libraries as those that YAML and JSON have; a DataFrame as a list of rows."""

from __future__ import annotations

import math
from typing import Any

from evalkit.errors import Problem, SpecError, repeated


def is_frame(value: Any) -> bool:
    """True for a DataFrame (told without importing pandas)."""
    return hasattr(value, "to_dict") and hasattr(value, "columns") and hasattr(value, "index")


def rows_of_frame(frame: Any, file: str, where: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a DataFrame as YAML has them, and the labels of its index.

    file, where: what a problem names. Raises SpecError when two columns have one name.
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
    """Any value as a JSON value; not-a-number is how tables say that one is missing."""
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
