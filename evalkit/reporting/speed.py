"""The speed of a cell, and the share of its answers from the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from evalkit.records import CellRecord, RunRecord


@dataclass(frozen=True, slots=True)
class Speed:
    """One cell. asked: answers that the model gave; the others are from the cache.

    median, slowest: seconds per answer, the 50th and 95th percentile over these answers.
    read, written: tokens per second of answering; None if nothing was sent or counted.
    """

    cell: CellRecord
    asked: int
    median: float | None
    slowest: float | None
    read: float | None
    written: float | None


def speeds(run: RunRecord) -> list[Speed]:
    """The speed of every cell, in the order of the run."""
    return [_speed(cell) for cell in run.cells]


def _speed(cell: CellRecord) -> Speed:
    every = [answer for sample in cell.samples for answer in sample.answers]
    requested = [answer for answer in every if not answer.cached and answer.status != "error"]
    seconds = sorted(s.seconds for s in requested)
    middle, late = _percentiles(seconds) if seconds else (None, None)
    wall = sum(seconds)
    read = sum(s.prompt_tokens or 0 for s in requested)
    written = sum(s.completion_tokens or 0 for s in requested)
    return Speed(
        cell,
        len(requested),
        middle,
        late,
        read / wall if wall and read else None,
        written / wall if wall and written else None,
    )


def _percentiles(ordered: Sequence[float]) -> tuple[float, float]:
    """The 50th and 95th percentile, interpolated."""
    if len(ordered) == 1:
        return ordered[0], ordered[0]
    cuts = quantiles(ordered, n=20, method="inclusive")
    return cuts[9], cuts[18]
