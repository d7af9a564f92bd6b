"""Entity scores against seqeval, and by hand."""

from __future__ import annotations

import math
import random
import warnings

import numpy as np
import pytest

from evalkit.answers.tagging import entities, joined
from evalkit.metrics import Columns, compute, run_metric
from evalkit.metrics.weighted import weighted

seqeval = pytest.importorskip("seqeval.metrics")

TAGS = [f"{kind}-{label}" for kind in "BIES" for label in ("PER", "LOC", "A-B")]


def random_tags(rng: random.Random, n: int, scheme: list[str]) -> list[str]:
    return [rng.choice(scheme) if rng.random() < 0.6 else "O" for _ in range(n)]


def scheme(rng: random.Random) -> list[str]:
    return TAGS if rng.random() < 0.5 else [t for t in TAGS if t[0] in "BI"]


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize("seed", range(500))
def test_scores_equal_those_of_seqeval(seed: int) -> None:
    rng = random.Random(seed)
    allowed = scheme(rng)
    gold, said = [], []
    for _ in range(rng.randint(1, 8)):
        tags = random_tags(rng, rng.randint(1, 9), allowed)
        gold.append(tags)
        said.append([t if rng.random() < 0.7 else random_tags(rng, 1, allowed)[0] for t in tags])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = {
            "entity_precision": seqeval.precision_score(gold, said),
            "entity_recall": seqeval.recall_score(gold, said),
            "entity_f1": seqeval.f1_score(gold, said),
        }
        report = seqeval.classification_report(gold, said, output_dict=True)
    labels = ("PER", "LOC", "A-B")
    columns = Columns([joined(t) for t in said], [(joined(t),) for t in gold], labels)
    for name, value in wanted.items():
        scores = run_metric(name, columns)
        if any(entities(tags) for tags in gold):
            assert scores[name].value == pytest.approx(value, abs=1e-12)
        else:
            assert math.isnan(scores[name].value)
        key = {"entity_f1": "f1-score"}.get(name, name.removeprefix("entity_"))
        for label in labels:
            if label in report and report[label]["support"]:
                found = scores[f"{name}[{label}]"].value
                assert found == pytest.approx(report[label][key], abs=1e-12)
            else:
                assert math.isnan(scores[f"{name}[{label}]"].value)


def test_by_hand() -> None:
    gold = ["B-PER I-PER O B-LOC", "O O", "B-LOC"]
    said = ["B-PER I-PER O O", "B-PER O", None]
    for name, value in {"precision": 1 / 2, "recall": 1 / 3, "f1": 2 / 5}.items():
        score = compute(f"entity_{name}", said, gold)
        assert score.value == pytest.approx(value)  # type: ignore[union-attr]
        assert score.interval == "bounded"  # type: ignore[union-attr]
        assert "3 entities, 2 predicted" in score.note  # type: ignore[union-attr]
    both = compute("entity_f1", said, gold, labels=["PER", "LOC"])
    assert isinstance(both, dict)
    assert both["entity_f1[PER]"].value == pytest.approx(2 / 3)
    assert both["entity_f1[LOC]"].value == 0
    perfect = compute("entity_f1", gold, gold)
    assert perfect.value == 1  # type: ignore[union-attr]
    assert perfect.low < 0.6  # type: ignore[union-attr]


def test_entity_scores_equal_their_weighted_form() -> None:
    gold, said = ["B-PER O", "B-LOC B-PER", "O"], ["B-PER O", "B-PER B-PER", "B-LOC"]
    columns = Columns(said, [(tags,) for tags in gold], ("PER", "LOC"))
    drawn = [0, 1, 1, 2, 2]
    weights = np.array([[1.0, 2.0, 2.0]])
    for name in ("entity_precision", "entity_recall", "entity_f1"):
        for full, score in run_metric(name, columns.subset(drawn)).items():
            function = weighted(full, columns, {})
            assert function is not None
            assert function(weights) == pytest.approx([score.value])
