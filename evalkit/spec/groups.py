"""Groups of samples, as suites, scores and reports write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evalkit.records.references import is_reference
from evalkit.spec.data import Dataset, Sample


def group_text(value: Any) -> str:
    """A value of a group column as text; "" if a row has none, as in a csv file."""
    if isinstance(value, bool):
        return "true" if value else "false"  # as suites write it
    return "" if value is None else str(value)


def group_of(sample: Sample, column: str) -> str:
    """The group that a column puts a sample in."""
    return group_text(sample.fields.get(column))


def groups_of(samples: Iterable[Sample], column: str) -> list[str]:
    """The groups that a column divides samples into, sorted."""
    return sorted({group_of(sample, column) for sample in samples})


def is_response_group(column: str, dataset: Dataset) -> bool:
    """Whether a group is a part of the responses, so that its values are not known beforehand."""
    return is_reference(column) and column not in dataset.columns
