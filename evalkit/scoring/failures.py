"""Metrics that raise: their scores have no value and a note with the error; others are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalkit.errors import EvalkitError
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result
from evalkit.metrics.registry import Registry
from evalkit.metrics.run import run_metric

_LONGEST = 300


def computed(
    name: str,
    columns: Columns,
    *,
    confidence: float,
    settings: Mapping[str, Any] | None,
    registry: Registry,
    ids: Sequence[str] = (),
) -> Result:
    """The scores of a metric; if it raises, failed scores with the error in their notes.

    ids: of the samples, for naming the one that it fails on.
    """

    def run(part: Columns) -> Result:
        return run_metric(name, part, confidence=confidence, settings=settings, registry=registry)

    try:
        return run(columns)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a metric may raise anything, or exit
        note = f"failed{_where(run, columns, ids)}: {_message(error)}"
        names = registry.score_names(name, columns.labels)
        return {full: build.failed(len(columns), confidence, note) for full in names}


def has_failed(result: Result) -> bool:
    """Whether these are the scores of a metric that raised."""
    return any(score.failed for score in result.values())


def _message(error: BaseException) -> str:
    line = " ".join(str(error).split())[:_LONGEST]
    return line if isinstance(error, EvalkitError) else f"{type(error).__name__}: {line}"


def _where(run: Callable[[Columns], Result], columns: Columns, ids: Sequence[str]) -> str:
    """`` at sample ID`` where one sample alone makes the metric fail, found by halving."""
    if len(ids) != len(columns):
        return ""
    index = list(range(len(columns)))
    while len(index) > 1:
        half = len(index) // 2
        parts = (index[:half], index[half:])
        failing = next((part for part in parts if _raises(run, columns.subset(part))), None)
        if failing is None:  # only the samples together fail
            return ""
        index = failing
    return f" at sample {ids[index[0]]}" if index else ""


def _raises(run: Callable[[Columns], Result], columns: Columns) -> bool:
    try:
        run(columns)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return True
    return False
