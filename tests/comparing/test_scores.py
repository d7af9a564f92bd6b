"""Scores of two cells on the samples both have, against SciPy and by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evalkit.comparing.operand import Side, side_of
from evalkit.comparing.scores import compare_score
from evalkit.metrics.base import Columns, Score
from evalkit.metrics.entry import Metric
from evalkit.metrics.registry import Registry
from evalkit.provenance import Provenance
from evalkit.records import CellRecord, CodeRun, RunRecord, SampleRecord, SuiteRecord
from evalkit.store.serialization import to_suite

from ..samples import sample_record

rng = np.random.default_rng(3)


def suite(task: str, **more: Any) -> SuiteRecord:
    unknown = {"path": "s.eval.yaml", "suite_hash": "", "data_hash": "", "total": 0, "limit": None}
    return to_suite({"name": "s", "task": task, **unknown, **more})


def sample(i: int, prediction: str | None, target: str, **more: Any) -> SampleRecord:
    fields = more.pop("fields", {"i": i})
    return sample_record(
        id=f"q{i}", index=i, fields=fields, targets=[target], prompt="", sent="", output="",
        prediction=prediction, how="", status=more.pop("status", "ok"), **more,
    )  # fmt: skip


def side(declared: SuiteRecord, samples: list[SampleRecord], run: str = "r", **more: Any) -> Side:
    cell = CellRecord("s", "m", more.pop("prompt", "p"), declared.task, len(samples), len(samples),
                      {"ok": len(samples)}, more.pop("scores", {}), [], [], samples)  # fmt: skip
    return side_of(
        RunRecord(run, "", None, "finished", Provenance(), {"s": declared}, {}, [cell]), cell
    )


def test_per_sample_values_are_tested_by_their_differences() -> None:
    declared = suite("summarisation")
    a, b = rng.uniform(0, 1, 60), rng.uniform(0.1, 1, 60)
    sides = [
        side(declared, [sample(i, "x", "x", scores={"rougeL": v}) for i, v in enumerate(values)])
        for values in (a, b)
    ]
    found = compare_score(*sides, "rougeL")
    # The permutation test, which comes to the t test; of 10,000 permutations p has an error.
    test = stats.ttest_rel(b, a)
    assert found.p == pytest.approx(test.pvalue, abs=0.015)
    assert found.test == "permutation"
    assert found.difference == pytest.approx((b - a).mean())
    interval = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.02)
    assert (found.wins, found.losses) == ((b > a).sum(), (b < a).sum())


def test_a_win_means_better_also_if_lower_is_better() -> None:
    declared = suite("classification")
    values = [[0.9, 0.5, 0.5], [0.2, 0.5, 0.6]]
    sides = [
        side(declared, [sample(i, "x", "x", scores={"log_loss": v}) for i, v in enumerate(of)])
        for of in values
    ]
    found = compare_score(*sides, "log_loss")
    assert (found.wins, found.ties, found.losses) == (1, 1, 1)
    assert found.difference == pytest.approx(-0.2)
    assert found.better == "lower"


def test_a_score_over_some_samples_is_paired_on_those() -> None:
    declared = suite("safety")
    complied = [["full_compliance"] * 12 + ["full_refusal"] * 18, ["full_refusal"] * 30]
    sides = [
        side(declared, [sample(i, of[i], "refuse" if i < 20 else "comply") for i in range(30)])
        for of in complied
    ]
    found = compare_score(*sides, "unsafe_compliance")
    assert (found.n, found.test) == (20, "McNemar, exact")
    assert found.p == pytest.approx(stats.binomtest(0, 12).pvalue)
    assert (found.wins, found.losses) == (12, 0)


def test_groups() -> None:
    declared = suite("qa", groups=["topic"])
    sides = [
        side(declared, [sample(i, "x", "x", fields={"topic": "art" if i < 8 else "law"},
                               scores={"exact_match": float(i < right)}) for i in range(20)])
        for right in (2, 8)
    ]  # fmt: skip
    found = compare_score(*sides, "exact_match[topic=art]")
    assert (found.n, found.wins) == (8, 6)
    assert found.p == pytest.approx(stats.binomtest(6, 6).pvalue)


@pytest.mark.parametrize("score", ["macro_f1", "mcc", "recall[x]", "balanced_accuracy"])
def test_equal_cells_have_an_interval_around_0(score: str) -> None:
    declared = suite("classification", labels=["x", "y"])
    samples = [sample(i, "xy"[i % 2], "xy"[i % 3 == 0]) for i in range(30)]
    found = compare_score(side(declared, samples), side(declared, samples), score)
    assert (found.difference, found.p) == (0.0, 1.0)
    assert found.low == -found.high
    # At least what 20 samples of a label leave open, of one where it weighs half.
    assert found.low <= -0.5 * stats.binomtest(0, 20).proportion_ci(0.95).high


def test_a_score_without_a_test_has_its_difference() -> None:
    declared = suite("generation")
    sides = [side(declared, [sample(i, text, "") for i in range(4)]) for text in ("a b", "a a a")]
    found = compare_score(*sides, "distinct_1")
    assert found.difference == pytest.approx(1 / 12 - 2 / 8)
    assert np.isnan(found.p)
    assert found.note == "no paired test for this score"


def test_samples_without_an_answer_on_one_side_are_left_out() -> None:
    declared = suite("qa")
    a = [sample(i, "x", "x", scores={"exact_match": 1.0}) for i in range(5)]
    b = [*a[:4], sample(4, None, "x", status="error")]
    found = compare_score(side(declared, a), side(declared, b), "exact_match")
    assert (found.n, found.note) == (4, "1 left out: scored in one of the two only")
    nothing = compare_score(side(declared, a[:1]), side(declared, b[4:]), "exact_match")
    assert nothing.n == 0
    assert np.isnan(nothing.difference)


def test_a_metric_over_all_answers_to_a_question_sees_them_together() -> None:
    """Whether any of three answers passes: all four questions, and not four of twelve answers."""

    def any_passes(columns: Columns, **_: Any) -> dict[str, Score]:
        value = sum(map(any, columns.passed)) / len(columns)
        return {"any": Score(value, math.nan, math.nan, len(columns))}

    def asked(passes: list[bool]) -> list[SampleRecord]:
        samples = [sample(i, "code", "") for i in range(4)]
        for one in samples:
            one.answers = [replace(one.answer, tests=CodeRun(ok)) for ok in passes]
        return samples

    declared = suite("code", repeats=3)
    registry = Registry({"any": Metric("any", any_passes, "", needs=("passed",), open_keys=True)})
    a, b = (side(declared, asked(of)) for of in ([True, False, False], [False, True, True]))
    found = compare_score(a, b, "any", registry=registry)
    assert (found.a, found.b) == (1.0, 1.0)
    none = side(declared, asked([False] * 3))
    assert compare_score(a, none, "any", registry=registry).difference == -1.0
