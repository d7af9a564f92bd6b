"""The tables behind a run, as data frames: its scores, gates, samples and judgments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from evalkit.records import CellRecord, RunRecord, SampleRecord
from evalkit.records.judgments import to_json
from evalkit.reporting.answers import values_of
from evalkit.written.printable import encodable

if TYPE_CHECKING:
    import pandas as pd


def scores(run: RunRecord) -> pd.DataFrame:
    """One row per cell and score."""
    rows = [
        {**_names(cell), "score": name, **_flat(score, without=("name",))}
        for cell in run.cells
        for name, score in cell.scores.items()
    ]
    return _frame(rows, ["suite", "model", "prompt", "score", "value", "low", "high", "n"])


def gates(run: RunRecord) -> pd.DataFrame:
    """One row per cell and gate."""
    rows = [{**_names(cell), **_flat(gate)} for cell in run.cells for gate in cell.gates]
    return _frame(rows, ["suite", "model", "prompt", "rule", "verdict", "value", "reason"])


def samples(run: RunRecord) -> pd.DataFrame:
    """One row per sample and cell."""
    rows = [
        {**_names(cell), **_sample_row(sample)} for cell in run.cells for sample in cell.samples
    ]
    return _frame(rows, ["suite", "model", "prompt", "id", "output", "prediction", "status"])


def judgments(run: RunRecord) -> pd.DataFrame:
    """One row per judgment; fields that a method does not have are empty.

    As judgments are recorded, except that ``prompt`` is the suite's, as in every table, and the
    prompt sent to the judge is ``asked``.
    """
    rows = [
        {**_names(cell), "id": sample.id}
        | {
            "asked" if name == "prompt" else name: value
            for name, value in to_json(judgment).items()
        }
        for cell in run.cells
        for sample in cell.samples
        for judgment in sample.judgments
    ]
    return _frame(rows, ["suite", "model", "prompt", "id", "score", "judge", "value"])


TABLES = {"samples": samples, "scores": scores, "gates": gates, "judgments": judgments}


def _names(cell: CellRecord) -> dict[str, str]:
    return {"suite": cell.suite, "model": cell.model, "prompt": cell.prompt}


def _flat(record: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name not in without}


def _sample_row(sample: SampleRecord) -> dict[str, Any]:
    without = ("fields", "scores", "probabilities", "checks", "prompt")
    row = {name: value for name, value in values_of(sample).items() if name not in without}
    row["target"] = sample.targets[0] if sample.targets else None
    row["checks_failed"] = sum(not check.passed for check in sample.checks)
    row.update({f"field.{name}": value for name, value in sample.fields.items()})
    row.update({f"score.{name}": value for name, value in sample.scores.items()})
    row.update({f"probability.{name}": p for name, p in sample.probabilities.items()})
    return row


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    # A model may write half a surrogate pair, which no column of text can hold.
    rows = [{k: encodable(v) if isinstance(v, str) else v for k, v in r.items()} for r in rows]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
