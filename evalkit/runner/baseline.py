"""Runs to compare with: from the store by name, or from a JSON file that can live in git."""

from __future__ import annotations

from pathlib import Path

from evalkit.comparing.saved import read_run
from evalkit.records import RunRecord
from evalkit.store import Store


def load_baseline(name: str, store: Store, folder: Path | None = None) -> RunRecord:
    """A run by its label or id, or from a file written by ``--eval-json``.

    Its samples are loaded (from a file: as much of them as pairing needs). Raises UsageError
    when there is no such file or run.
    """
    path = (folder or Path.cwd()) / name
    if path.suffix == ".json" or path.is_file():
        return read_run(path)
    return store.run(name)
