"""A JSON file as one side of a comparison gives the same result as the whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from evalkit.comparing.baseline_file import read_run
from evalkit.comparing.operand import Side, side_of
from evalkit.comparing.scores import ScoreComparison, compare_score
from evalkit.metrics.custom_function import OwnMetric
from evalkit.metrics.entry import Metric
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.provenance import Provenance
from evalkit.records import (
    Answer,
    CellRecord,
    Likelihood,
    RunRecord,
    SampleRecord,
    ScoreRecord,
    SuiteRecord,
)
from evalkit.reporting.document import write_json
from tests.comparing.test_scores import sample, suite

rng = np.random.default_rng(11)
WORDS = ["the", "cat", "sat", "on", "a", "mat", "dog", "ran"]
TAGS = ["O", "B-PER", "B-LOC"]


def sides(
    declared: SuiteRecord, cells: list[list[SampleRecord]], scores: dict[str, ScoreRecord]
) -> list[Side]:
    """One run for each list of samples."""
    made = []
    for number, samples in enumerate(cells):
        cell = CellRecord("s", "m", "p", declared.task, len(samples), len(samples),
                          {"ok": len(samples)}, scores, [], [], samples)  # fmt: skip
        run = RunRecord(
            f"run{number}", "", None, "finished", Provenance(), {"s": declared}, {}, [cell]
        )
        made.append(side_of(run, cell))
    return made


def from_file(side: Side, path: Path) -> Side:
    assert side.suite is not None
    run = RunRecord(
        side.run, "", None, "finished", Provenance(), {"s": side.suite}, {}, [side.cell]
    )
    read = read_run(write_json(run, path))
    return side_of(read, read.cells[0])


def record(name: str, **more: Any) -> dict[str, ScoreRecord]:
    more.setdefault("range_high", float("inf"))
    return {name: ScoreRecord(name, 0.5, None, None, 20, **more)}


def text(n: int) -> str:
    return " ".join(rng.choice(WORDS, n))


def translations() -> list[list[SampleRecord]]:
    targets = [text(8) for _ in range(40)]
    near = [" ".join([*t.split()[:6], text(2)]) for t in targets]
    far = [" ".join([*t.split()[:4], text(3)]) for t in targets]
    return [[sample(i, p, t) for i, (p, t) in enumerate(zip(of, targets, strict=True))]
            for of in (far, near)]  # fmt: skip


def likelihoods() -> list[list[SampleRecord]]:
    return [
        [sample(i, None, "", likelihood=Likelihood(
            float(-rng.uniform(20, 40) * worse), 10 + i, 50 + i)) for i in range(30)]
        for worse in (1.1, 1.0)
    ]  # fmt: skip


def tagged() -> list[list[SampleRecord]]:
    wanted = [" ".join(rng.choice(TAGS, 6)) for _ in range(30)]
    return [
        [sample(i, " ".join(t if rng.random() > miss else "O" for t in w.split()), w)
         for i, w in enumerate(wanted)]
        for miss in (0.5, 0.2)
    ]  # fmt: skip


def probable() -> list[list[SampleRecord]]:
    def one(i: int) -> SampleRecord:
        p = float(rng.uniform(0.5, 1))
        return sample(i, "x", "xy"[i % 3 == 0], probabilities={"x": p, "y": 1 - p})

    return [[one(i) for i in range(40)] for _ in range(2)]


CASES = [
    *((name, suite("translation"), translations) for name in ("bleu", "chrf", "ter")),
    *((name, suite("language-modelling", answer="likelihood"), likelihoods)
      for name in ("perplexity", "bits_per_byte")),
    *((name, suite("token-classification", labels=["PER", "LOC"]), tagged)
      for name in ("entity_f1", "entity_recall[PER]")),
    ("calibration_error", suite("classification", labels=["x", "y"], answer="choice"), probable),
]  # fmt: skip


@pytest.mark.parametrize(("score", "declared", "cells"), CASES, ids=[case[0] for case in CASES])
def test_scores_of_sums_are_paired_with_a_file(
    tmp_path: Path, score: str, declared: SuiteRecord, cells: Any
) -> None:
    a, b = sides(declared, cells(), record(score))
    whole = compare_score(a, b, score)
    kept = [from_file(side, tmp_path / f"{side.run}.json") for side in (a, b)]
    for mixed in ((kept[0], b), (a, kept[1]), (kept[0], kept[1])):
        found = compare_score(*mixed, score)
        assert found.test == whole.test == "permutation"
        assert found.p == pytest.approx(whole.p, abs=0.002)
        for name in ("a", "b", "difference", "low", "high"):
            assert getattr(found, name) == pytest.approx(getattr(whole, name), rel=1e-4, abs=1e-6)
    assert whole.low < whole.difference < whole.high


def test_bleu_of_a_file_is_that_of_its_texts(tmp_path: Path) -> None:
    cells = translations()
    a, b = sides(suite("translation"), cells, record("bleu"))
    found = compare_score(from_file(a, tmp_path / "a.json"), b, "bleu")
    references = [[s.targets[0] for s in cells[0]]]
    for value, samples in ((found.a, cells[0]), (found.b, cells[1])):
        expected = BLEU(force=True).corpus_score([s.prediction or "" for s in samples], references)
        assert value == pytest.approx(expected.score, abs=1e-9)


def test_a_file_of_several_answers_to_a_question(tmp_path: Path) -> None:
    declared = suite("translation", repeats=2)
    cells = translations()
    for samples in cells:
        for one in samples:
            said = [one.prediction, " ".join((one.prediction or "").split()[:5])]
            one.answers = [Answer(prediction=p) for p in said]
    a, b = sides(declared, cells, record("chrf"))
    whole = compare_score(a, b, "chrf")
    found = compare_score(from_file(a, tmp_path / "a.json"), b, "chrf")
    assert found.a == pytest.approx(whole.a, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((whole.low, whole.high), abs=1e-6)


def test_a_file_without_a_scores_sums_says_so(tmp_path: Path) -> None:
    a, b = sides(suite("translation"), translations(), record("bleu"))
    path = tmp_path / "a.json"
    from_file(a, path)
    document = json.loads(path.read_text())
    del document["cells"][0]["pairs"]["sums"]
    path.write_text(json.dumps(document))
    read = read_run(path)
    found = compare_score(side_of(read, read.cells[0]), b, "bleu")
    assert "lacks the data to recompute bleu" in found.note


# metrics of one's own


def own(name: str, function: Any, **more: Any) -> Registry:
    return Registry({name: Metric(name, OwnMetric(name, function), "", open_keys=True, **more)})


def compared(name: str, registry: Registry = BUILT_IN) -> ScoreComparison:
    samples = [[sample(i, "x" * (i % 5 + extra), "") for i in range(30)] for extra in (0, 2)]
    a, b = sides(suite("generation"), samples, record(name))
    return compare_score(a, b, name, registry=registry)


def test_the_direction_of_an_unknown_metric_comes_from_the_run() -> None:
    values = [[3.0, 1.0, 2.0], [1.0, 1.0, 3.0]]
    cells = [[sample(i, "x", "", scores={"delay": v}) for i, v in enumerate(of)] for of in values]
    a, b = sides(suite("generation"), cells, record("delay", better="lower"))
    found = compare_score(a, b, "delay")
    assert (found.better, found.wins, found.ties, found.losses) == ("lower", 1, 1, 1)


def test_the_interval_of_a_difference_stays_in_range() -> None:
    values = [[0.0, 0.0, 0.1], [0.9, 1.0, 0.2]]
    cells = [[sample(i, "x", "", scores={"own": v}) for i, v in enumerate(of)] for of in values]
    a, b = sides(suite("generation"), cells, record("own", range_high=1.0))
    assert compare_score(a, b, "own").high <= 1.0


def test_one_number_of_all_samples_is_exchanged() -> None:
    known = own("longest", lambda predictions: float(np.mean([len(p) for p in predictions])))
    found = compared("longest", known)
    assert found.difference == pytest.approx(2.0)
    # Every answer grows by two: no exchange of some goes as far, and yet it is no certainty.
    assert found.p == pytest.approx(1 / 1001)
    assert found.test == "permutation"
    assert 1.5 < found.low < 2 < found.high < 2.1


def test_an_unknown_metric_says_so() -> None:
    found = compared("longest")
    assert "this project has no such metric" in found.note
