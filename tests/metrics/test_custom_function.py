"""A project's own functions as metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import UsageError, evaluate
from evalkit.metrics import Score
from evalkit.metrics.catalogue import Metric
from evalkit.metrics.custom import project_metrics
from evalkit.spec.project import find_project
from tests.metrics.test_custom import ANSWERS, declare, suite


def test_a_failing_function_affects_only_its_own_score(tmp_path: Path) -> None:
    names = ["broken", "short", "text"]
    listed = "".join(f"  {name}: own_c:{name}\n" for name in names)
    declare(tmp_path, f"metrics:\n{listed}", "own_c")
    declared = suite(metrics=[*names, "exact_match"], gates=["short >= 0.5"])
    run = evaluate(declared, {"m": ANSWERS.__getitem__}, root=tmp_path)
    scores = run.scores.set_index("score")
    assert scores.loc["exact_match", "value"] == 1
    assert scores.loc["broken", "note"] == "failed: KeyError: 'nothing'"
    assert "shape (1,), expected one for each of 4 samples" in scores.loc["short", "note"]
    assert "returned str; expected a number" in scores.loc["text", "note"]
    assert run.record.cells[0].gates[0].verdict == "error"
    part = evaluate(declared, {"m": ANSWERS.__getitem__}, root=tmp_path, limit=2)
    assert part.record.cells[0].gates[0].verdict == "error"  # not: too few samples to tell


def test_functions_from_python(tmp_path: Path) -> None:
    def brevity(predictions: Any) -> list[float]:
        return [1.0 / len(p) for p in predictions]

    entry = Metric("x", lambda columns, **_: {"fixed": Score(1, 1, 1, len(columns))}, "always 1")
    metrics = {"brevity": {"function": brevity, "better": "higher"}, "fixed": entry}
    declared = suite(metrics=["brevity", "fixed"], gates=["brevity > 0", "fixed == 1"])
    run = evaluate(declared, {"m": ANSWERS.__getitem__}, root=tmp_path, metrics=metrics)
    assert run.passed
    assert run.scores.set_index("score").loc["brevity", "value"] == pytest.approx(0.2375)
    with pytest.raises(UsageError, match="'recall': evalkit has a metric of this name"):
        project_metrics(find_project(tmp_path), {"recall": brevity})
