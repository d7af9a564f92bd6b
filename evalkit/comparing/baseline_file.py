"""What a JSON document contains of each cell so that later runs can be paired with it.

``pairs`` of a cell: the ids of its scored samples, a digest of each row with its targets, the
per-sample values of its scores, and for scores that are not means over samples their components:
for labels the predictions, else what each sample adds to the sums (BLEU's matches and lengths). So
a file in version control suffices as a baseline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

from evalkit import provenance, tasks
from evalkit.comparing.operand import Side, row_digest
from evalkit.errors import EvalkitError, UsageError
from evalkit.records import (
    Answer,
    CellRecord,
    Kept,
    RunRecord,
    SampleRecord,
    ScoreRecord,
    SuiteRecord,
)
from evalkit.records.names import ScoreName, base_of
from evalkit.records.older import upgraded_run
from evalkit.records.shape import check_shape
from evalkit.scoring.columns import scored
from evalkit.store.serialization import to_suite


def pairs_of(cell: CellRecord, suite: SuiteRecord | None) -> dict[str, Any]:
    """What pairing needs of a cell, as JSON values; {} if its samples are not available."""
    samples = scored(cell.samples, suite.on_unparsed if suite else "wrong")
    if not samples:
        return {}
    names = list(dict.fromkeys(name for sample in samples for name in sample.scores))
    written: dict[str, Any] = {
        "ids": [sample.id for sample in samples],
        "digests": [row_digest(sample) for sample in samples],
        "scores": {name: [_short(s.scores.get(name)) for s in samples] for name in names},
    }
    if suite is not None and (sums := _sums(cell, suite, samples)):
        written["sums"] = sums
    kept = tasks.find(cell.task).kept
    if "predictions" in kept:
        written["predictions"] = [sample.prediction for sample in samples]
    if "targets" in kept:
        written["targets"] = [list(sample.targets) for sample in samples]
    return written


def _sums(
    cell: CellRecord, suite: SuiteRecord, samples: Sequence[SampleRecord]
) -> dict[str, list[list[float | int | None]]]:
    """By score, what each sample adds to its sums; scores without such sums are left out."""
    from evalkit.metrics.weighted import of_sums

    whole = all(sample.kept is None for sample in samples)  # else from a file
    side = Side(cell, suite, {sample.id: sample for sample in samples}, whole)
    found = {}
    for name in cell.scores:
        if of_sums(name, suite.metric_settings.get(base_of(name), {})) is None:
            continue
        if ScoreName.parse(name).group is not None:
            continue  # a group: its samples are among those of the whole
        with suppress(EvalkitError, KeyError):
            rows = side.sums(name, list(side.samples), suite)
            if rows is not None:
                found[name] = [[_short(value) for value in row] for row in rows.tolist()]
    return found


def _short(value: float | None) -> float | int | None:
    """Six significant digits: more than any difference needs."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return int(value) if value == int(value) else float(f"{value:.6g}")


def read_run(path: Path) -> RunRecord:
    """A run from a file written by ``--eval-json``. Raises UsageError for any other file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        upgraded_run(document.get("suites", {}), document["cells"])
        cells = [_cell(cell) for cell in document["cells"]]
        suites = {name: _suite(suite) for name, suite in document.get("suites", {}).items()}
        made = provenance.from_json(document.get("provenance", {}))
        run = _run(document, path, cells, suites, made)
        check_shape([run], RunRecord)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise UsageError(
            f"{path}: nested too deeply; expected a file written by --eval-json"
        ) from error
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        raise UsageError(
            f"{path}: not a run of evalkit ({why}); expected a file written by --eval-json"
        ) from error
    return run


def _run(
    document: Mapping[str, Any],
    path: Path,
    cells: list[CellRecord],
    suites: Mapping[str, SuiteRecord | None],
    made: provenance.Provenance,
) -> RunRecord:
    return RunRecord(
        id=str(document.get("run", path.name)),
        started=str(document.get("started", "")),
        finished=document.get("finished"),
        status="finished",
        provenance=made,
        suites={name: suite for name, suite in suites.items() if suite},
        cells=cells,
    )


def _suite(written: Mapping[str, Any]) -> SuiteRecord | None:
    """None if an older version wrote the file."""
    try:
        return to_suite(written)
    except (KeyError, TypeError):
        return None


def _cell(cell: Mapping[str, Any]) -> CellRecord:
    return CellRecord(
        suite=cell["suite"],
        model=cell["model"],
        prompt=cell["prompt"],
        task=cell.get("task", ""),
        n=cell["n"],
        scored=cell.get("scored", cell["n"]),
        statuses=cell["statuses"],
        scores={name: _score(name, score) for name, score in cell["scores"].items()},
        gates=[],
        analyses=[],
        samples=_samples(cell.get("pairs") or {}),
    )


def _score(name: str, written: Mapping[str, Any]) -> ScoreRecord:
    record = ScoreRecord(
        name, written["value"], written.get("low"), written.get("high"), written["n"]
    )
    record.better = written.get("better", "higher")
    # An infinite end of a range is null in JSON; older files omit it.
    low, high = written.get("range_low"), written.get("range_high")
    record.range_low = -inf if low is None else low
    record.range_high = inf if high is None else high
    return record


def _samples(pairs: Mapping[str, Any]) -> list[SampleRecord]:
    ids = pairs.get("ids", [])
    nothing: list[Any] = [None] * len(ids)
    predictions = pairs.get("predictions", nothing)
    targets = pairs.get("targets", nothing)
    scores = pairs.get("scores", {})
    sums = pairs.get("sums", {})
    columns = {"digests": pairs.get("digests", ()), "predictions": predictions, "targets": targets}
    for name, column in [*columns.items(), *scores.items(), *sums.items()]:
        if len(column) != len(ids):
            raise ValueError(f"pairs.{name} has {len(column)} values for {len(ids)} samples")
    return [
        SampleRecord(
            id=one,
            index=i,
            fields={},
            targets=list(targets[i] or ()),
            prompt="",
            answers=[Answer(prediction=predictions[i])],
            scores={name: column[i] for name, column in scores.items() if column[i] is not None},
            kept=Kept(pairs["digests"][i], {name: rows[i] for name, rows in sums.items()}),
        )
        for i, one in enumerate(ids)
    ]
