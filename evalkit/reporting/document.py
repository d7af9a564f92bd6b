"""The JSON document of a run: what ``--eval-json`` and ``run.to_json`` write.

Its schema is ``docs/results.schema.json``. Numbers that are not finite (an undefined score,
an unbounded range) are null: NaN and Infinity are not JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from evalkit import provenance
from evalkit.comparing.baseline_file import pairs_of
from evalkit.files import write_file
from evalkit.records import CellRecord, RunRecord, ScoreName, ScoreRecord, SuiteRecord, analyses
from evalkit.reporting.answers import values_of

_PLACE = "\x00a column\x00"
_SURROGATE = re.compile("[\ud800-\udfff]")


def document(run: RunRecord, *, samples: bool = False) -> dict[str, Any]:
    """A run as JSON values; with ``samples``, every sample of every cell as well."""
    return {
        "evalkit": _version(run),
        "run": run.id,
        "started": run.started,
        "finished": run.finished,
        "status": run.status,
        "verdicts": run.verdicts,
        "notices": list(run.notices),
        "provenance": finite(provenance.to_json(run.provenance)),
        "suites": {name: _suite(suite) for name, suite in run.suites.items()},
        "models": {name: finite(asdict(model)) for name, model in run.models.items()},
        "cells": [_cell(cell, run.suites.get(cell.suite), samples) for cell in run.cells],
    }


def write_json(run: RunRecord, path: str | Path, *, samples: bool = False) -> Path:
    """Write the document of a run as UTF-8; a missing folder is created."""
    target = Path(path)
    text = _laid_out(document(run, samples=samples))
    # Half a surrogate pair (a model may write one) has no UTF-8; as an escape it survives.
    text = _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    write_file(target, text + "\n")
    return target


def _laid_out(written: dict[str, Any]) -> str:
    """JSON that people and diffs can read: indented, but each column of ``pairs`` on one line."""
    columns: list[str] = []

    def placed(column: list[Any]) -> str:
        columns.append(
            json.dumps(column, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        )
        return _PLACE

    cells = []
    for cell in written["cells"]:
        pairs = cell.get("pairs")
        if pairs:
            laid = {
                key: {name: placed(column) for name, column in kept.items()}
                if isinstance(kept, dict)
                else placed(kept)
                for key, kept in pairs.items()
            }
            cell = {**cell, "pairs": laid}
        cells.append(cell)
    text = json.dumps({**written, "cells": cells}, ensure_ascii=False, allow_nan=False, indent=1)
    first, *rest_of = text.split(json.dumps(_PLACE))
    return first + "".join(c + piece for c, piece in zip(columns, rest_of, strict=True))


def finite(value: Any) -> Any:
    """The same value in JSON's types: NaN and infinities become null, other types a string."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [finite(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        return finite(value.item())
    return str(value)


def _cell(cell: CellRecord, suite: SuiteRecord | None, samples: bool) -> dict[str, Any]:
    written: dict[str, Any] = {
        "suite": cell.suite,
        "model": cell.model,
        "prompt": cell.prompt,
        "task": cell.task,
        "n": cell.n,
        "scored": cell.scored,
        "statuses": dict(cell.statuses),
        "scores": {name: _score(score) for name, score in cell.scores.items()},
        "gates": [finite(asdict(gate)) for gate in cell.gates],
        "analyses": [finite(analyses.to_json(one)) for one in cell.analyses],
        "error": cell.error,
        "seconds": finite(cell.seconds),
        "cached": cell.cached,
        "prompt_tokens": cell.prompt_tokens,
        "completion_tokens": cell.completion_tokens,
        "checks": dict(cell.checks),
        "ties": cell.ties,
        "unanswered": cell.unanswered,
        "distrust": dict(cell.distrust),
    }
    if pairs := pairs_of(cell, suite):
        written["pairs"] = pairs
    if samples:
        written["samples"] = [finite(values_of(sample)) for sample in cell.samples]
    return written


def _suite(suite: SuiteRecord) -> dict[str, Any]:
    values: dict[str, Any] = finite({name: getattr(suite, name) for name in _OF_SUITE})
    values["generation"] = suite.generation.to_json()
    values["scoring_hash"] = suite.settings_hash
    # For readers of older documents, which had the columns as one text.
    values["group"] = ", ".join(suite.groups) or None
    values["declared"] = finite(suite.declared)
    return values


_OF_SUITE = (
    *("name", "path", "task", "description", "licence", "suite_hash", "data_hash", "total"),
    *("limit", "tags", "labels", "prompts", "metrics", "gates", "groups"),
    *("answer", "which", "metric_settings", "source", "on_unparsed", "repeats", "cluster"),
    *("pair", "max_errors", "prompt_hashes", "metric_hashes", "rubric_hashes", "judges"),
)
"""The suite in a document; most of it is in its declaration as well."""


def _score(score: ScoreRecord) -> dict[str, Any]:
    values: dict[str, Any] = finite(asdict(score))
    name = ScoreName.parse(values.pop("name"))  # it is the key
    if name.key is not None:
        values["label"] = name.key
    if name.group is not None:
        values["group"] = name.group._asdict()
    return values


def _version(run: RunRecord) -> str:
    """The evalkit version of the run, else the current one."""
    if run.provenance.evalkit:
        return run.provenance.evalkit
    try:
        return metadata.version("pytest-evalkit")
    except metadata.PackageNotFoundError:
        return "unknown"
