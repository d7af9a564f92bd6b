"""Metrics: one file per family, pure functions of columns.

Importing this package imports none of them: ``catalogue`` knows their names, ``run`` loads
the requested one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.metrics.base import Columns, Result, Score
    from evalkit.metrics.run import compute, run_metric

__all__ = ["Columns", "Result", "Score", "compute", "run_metric"]

_HOME = {
    "Columns": "evalkit.metrics.base",
    "Result": "evalkit.metrics.base",
    "Score": "evalkit.metrics.base",
    "compute": "evalkit.metrics.run",
    "run_metric": "evalkit.metrics.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
