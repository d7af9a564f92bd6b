"""Files and data that must be valid."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import SpecError
from evalkit.spec.data import Dataset, read_data
from evalkit.spec.source import Source, scan_yaml
from evalkit.spec.suite import Suite


def read_yaml(path: Path | str) -> Source:
    """A YAML file. Raises SpecError with all problems."""
    source = scan_yaml(path)
    if source.problems:
        raise SpecError(source.problems)
    return source


def load_data(suite: Suite) -> Dataset:
    """The samples of a suite. Raises SpecError with all problems."""
    dataset, problems = read_data(suite)
    if problems or dataset is None:
        raise SpecError(problems)
    return dataset
