"""Counts what the drills tried and what survived, for the table at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

PROPERTY = "drill"  # in a report's user_properties, so that counts also come back from xdist


def full() -> bool:
    """Whether the drills run in full numbers (`make drills`) or a short part of each."""
    return os.environ.get("EVALKIT_DRILLS") == "full"


@dataclass(frozen=True)
class Row:
    """How many attempts of one kind were made, and how many evalkit survived."""

    kind: str
    tried: int
    survived: int


class Tally:
    """What one test tried. The fixture `tally` is one of these."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def tried(self, kind: str, survived: int | bool, of: int = 1) -> None:
        """Count `of` attempts of `kind`, of which `survived` went well."""
        self._item.user_properties.append((PROPERTY, (kind, of, int(survived))))

    @contextmanager
    def attempt(self, kind: str) -> Iterator[None]:
        """Count one attempt: it survives unless the block raises, which still fails the test."""
        try:
            yield
        except BaseException:
            self.tried(kind, False)
            raise
        self.tried(kind, True)


def rows(reports: Iterable[pytest.TestReport]) -> list[Row]:
    """The counts of all reports, one row per kind, in the order of their names."""
    counts: dict[str, list[int]] = {}
    for report in reports:
        if report.when != "call":
            continue
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, (tuple, list)):
                kind, tried, survived = value
                count = counts.setdefault(str(kind), [0, 0])
                count[0] += int(tried)
                count[1] += int(survived)
    return [Row(kind, *counts[kind]) for kind in sorted(counts)]


def table(counted: list[Row]) -> list[str]:
    """The table's lines: kind, tried, survived."""
    total = Row("all", sum(r.tried for r in counted), sum(r.survived for r in counted))
    lines = [*counted, total]
    width = max(len(row.kind) for row in lines)
    return [
        f"{'drill':<{width}}  {'tried':>7}  {'survived':>8}",
        *(f"{row.kind:<{width}}  {row.tried:>7}  {row.survived:>8}" for row in lines),
    ]
