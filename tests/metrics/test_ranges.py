"""The range of a score where a setting changes it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.metrics import build, catalogue
from evalkit.metrics.base import Score
from evalkit.runner.measure import score_record
from evalkit.runner.vocabulary import vocabulary
from evalkit.spec.load import load_checked


@pytest.mark.parametrize(
    ("settings", "low"),
    [
        ({}, -1),
        ({"rescale": False}, -1),
        ({"rescale": True}, -math.inf),
        ({"baseline": "f.tsv"}, -math.inf),
    ],
)
def test_rescaling_takes_the_lower_end_of_bertscore_away(
    settings: dict[str, Any], low: float
) -> None:
    metric = catalogue.METRICS["bertscore_recall"]
    assert metric.lowest(settings) == low
    score = Score(-1.5, -2.0, -1.0, 4)
    assert score_record("bertscore_recall", score, score, 0, metric, settings).range_low == low


def test_a_score_beyond_the_usual_range_has_an_interval_without_it() -> None:
    score = build.mean("bertscore", [-3.0, -3.0], confidence=0.95, seed=0, bounded=False)
    assert score.value == -3
    assert math.isnan(score.low)
    assert math.isnan(score.high)
    assert score.note.startswith("all values are equal: no interval")


def test_a_gate_beyond_the_usual_range_is_refused_only_without_rescaling(tmp_path: Path) -> None:
    def load(metric: str) -> None:
        path = tmp_path / "s.eval.yaml"
        path.write_text(
            "task: summarisation\ndata: {rows: [{id: 1, t: x, g: y}], target: g, source: t}\n"
            f"prompts: {{p: '{{{{ t }}}}'}}\nmetrics: [{metric}]\ngates: [bertscore >= -2]\n"
        )
        load_checked(path, vocabulary())

    load("{bertscore: {rescale: true}}")
    with pytest.raises(SpecError, match="never -2: it lies between -1 and 1"):
        load("bertscore")
