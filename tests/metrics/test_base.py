"""No score is outside its range by rounding, and the range where a setting changes it."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu

from evalkit.errors import SpecError
from evalkit.metrics import Columns, build, catalogue, compute
from evalkit.metrics.base import Score, rounded, within_range
from evalkit.metrics.weighted import weighted
from evalkit.runner.validate import vocabulary
from evalkit.scoring.measure import score_record
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
def test_rescaling_removes_the_lower_bound_of_bertscore(
    settings: dict[str, Any], low: float
) -> None:
    metric = catalogue.METRICS["bertscore_recall"]
    assert metric.lowest(settings) == low
    score = Score(-1.5, -2.0, -1.0, 4)
    assert score_record("bertscore_recall", score, score, 0, metric, settings).range_low == low


def test_a_score_beyond_the_usual_range_has_an_interval_without_it() -> None:
    score = build.mean("bertscore", [-3.0, -3.0], confidence=0.95, bounded=False)
    assert score.value == -3
    assert math.isnan(score.low)
    assert math.isnan(score.high)
    assert score.note.startswith("all values are equal: no interval")


def test_a_gate_beyond_the_usual_range_is_rejected_only_without_rescaling(tmp_path: Path) -> None:
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


PERFECT = [
    "the dogs and from away dogs a", "and on ran it", "dogs and ran then cat", "ran from",
]  # fmt: skip


def test_a_perfect_bleu_is_100() -> None:
    """sacrebleu's own value of this corpus is 100.00000000000004."""
    assert sacrebleu.corpus_bleu(PERFECT, [PERFECT], force=True).score > 100
    score = compute("bleu", PERFECT, PERFECT)
    assert (score.value, score.high) == (100, 100)


def test_resamples_and_comparisons_stay_in_range_too() -> None:
    columns = Columns(PERFECT, [(text,) for text in PERFECT])
    of_weights = weighted("bleu", columns, {})
    assert of_weights is not None
    draws = np.random.default_rng(0).multinomial(4, [0.25] * 4, size=2000).astype(float)
    assert of_weights(draws).max() <= 100
    assert of_weights(draws).max() == pytest.approx(100)


def test_perfect_texts_of_any_length_are_in_range() -> None:
    rng = random.Random(4)
    for _ in range(100):
        size = rng.randint(1, 6)
        texts = [" ".join(rng.choices("abcdefgh", k=rng.randint(1, 12))) for _ in range(size)]
        for name in ("bleu", "chrf", "rouge1", "rougeL", "token_f1"):
            score = compute(name, texts, texts)
            assert score.value <= catalogue.METRICS[name].high
            assert score.low <= score.value <= score.high


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 + 4e-16, 1),
        (1 + 1e-7, 1),  # a cosine in float32
        (-1 - 1e-7, -1),
        (1.001, 1.001),  # no rounding: to be seen
        (-1.5, -1.5),
        (0.3, 0.3),
        (math.inf, math.inf),
    ],
)
def test_only_rounding_errors_are_clipped(value: float, expected: float) -> None:
    score = within_range(Score(value, value, value, 3, per_sample=np.array([value, 0.5])), -1, 1)
    assert (score.value, score.low, score.high) == (expected, expected, expected)
    assert score.per_sample is not None
    assert list(score.per_sample) == [expected, 0.5]
    metric = catalogue.METRICS["bertscore"]
    assert score_record("bertscore", Score(value, value, value, 3), score, 0, metric).value == (
        expected if math.isfinite(expected) else None
    )


def test_undefined_scores_stay_undefined() -> None:
    assert np.isnan(rounded(np.array([math.nan]), 0, 1)).all()
    assert math.isnan(within_range(Score(math.nan, math.nan, math.nan, 0), 0, math.inf).value)
