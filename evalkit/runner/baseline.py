"""Runs to compare with: from the store by name, or from a JSON file that can live in git."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError
from evalkit.records import CellRecord, RunRecord, ScoreRecord
from evalkit.store import Store


def load_baseline(name: str, store: Store, folder: Path | None = None) -> RunRecord:
    """A run by its label or id, or from a file written by ``--eval-json``.

    Scores only, no samples. Raises UsageError when there is no such file or run.
    """
    path = (folder or Path.cwd()) / name
    if path.suffix == ".json" or path.is_file():
        return _from_file(path)
    return store.run(name, samples=False)


def _from_file(path: Path) -> RunRecord:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        cells = [_cell(cell) for cell in document["cells"]]
    except OSError as error:
        raise UsageError(f"{path}: cannot read the baseline: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: not a run of evalkit ({error}); expected a file written by --eval-json"
        ) from error
    return RunRecord(
        id=str(document.get("run", path.name)),
        started="",
        finished=None,
        status="finished",
        provenance=document.get("provenance", {}),
        cells=cells,
    )


def _cell(cell: dict[str, Any]) -> CellRecord:
    return CellRecord(
        suite=cell["suite"],
        model=cell["model"],
        prompt=cell["prompt"],
        task=cell.get("task", ""),
        n=cell["n"],
        scored=cell.get("scored", cell["n"]),
        statuses=cell["statuses"],
        scores={
            name: ScoreRecord(name, s["value"], s.get("low"), s.get("high"), s["n"])
            for name, s in cell["scores"].items()
        },
        gates=[],
        analyses=[],
    )
