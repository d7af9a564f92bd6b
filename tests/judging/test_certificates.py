"""Scores corrected by what a certificate knows of the judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from evalkit.judging.certificate import Certificate, Confusion, Figure
from evalkit.judging.certificates import corrected
from evalkit.judging.load import Judged
from evalkit.judging.rubric import Rubric
from evalkit.judging.scores import judged_score
from evalkit.records import ScoreRecord
from evalkit.spec.judges import JudgeSpec
from tests.judging.test_certificate import certificate


def judged_by_scale() -> Judged:
    steps = dict.fromkeys(range(1, 6), "a step")
    rubric = Rubric(name="good", description="?", scale=steps, prompt="{{ output }}")
    return Judged(JudgeSpec(rubric="good"), rubric, "good", 0)


def judged_by_criteria(*names: str) -> Judged:
    criteria = dict.fromkeys(names, "It is so.")
    rubric = Rubric(
        name="good", description="?", mode="binary", criteria=criteria, prompt="{{ output }}"
    )  # type: ignore[arg-type]
    return Judged(JudgeSpec(rubric="good"), rubric, "good", 0)


def score(values: Sequence[float], low: float, high: float) -> dict[str, ScoreRecord]:
    return {"good": judged_score("good", values, low=low, high=high, better="higher")}


def test_a_mean_corrected_by_other_answers_covers_the_truth() -> None:
    """The judge adds 0.4; labelled answers are worse than the suite's, which λ = 1 allows."""
    rng = np.random.default_rng(2)
    held, values, widths = 0, [], []
    for _ in range(500):
        human = rng.uniform(1, 3, 80)
        labelled = tuple(zip(human, human + rng.normal(0.4, 0.5, 80), strict=True))
        truth = rng.uniform(2, 4, 200)
        grades = {"good": (truth + rng.normal(0.4, 0.5, 200)).tolist()}
        found, _ = corrected(judged_by_scale(), certificate(labelled=labelled), grades, {})
        held += found["good"].low <= 3 <= found["good"].high
        values.append(found["good"].value)
        widths.append(found["good"].high - found["good"].low)
    assert held / 500 >= 0.93
    # Whatever the errors that 80 labels do not show; of normal ones it would be .30.
    assert np.mean(widths) < 1.5 * 0.3
    assert np.mean(values) == pytest.approx(3, abs=0.01)


def test_three_labelled_cases_correct_nothing() -> None:
    labelled = ((1.0, 1.0), (3.0, 3.0), (5.0, 5.0))
    grades = {"good": [4.0, 5.0, 5.0, 3.0] * 10}
    found, left = corrected(judged_by_scale(), certificate(labelled=labelled), grades, {})
    assert (found, left) == ({}, {"good": "3 labelled cases, fewer than 20"})


@pytest.mark.parametrize("cases", [20, 60])
@pytest.mark.parametrize("grade", [1.0, 3.0, 5.0])
def test_a_mean_corrected_by_a_perfect_judge_is_less_certain_than_the_raw_one(
    cases: int, grade: float
) -> None:
    labelled = tuple((1.0 + i % 5, 1.0 + i % 5) for i in range(cases))
    values = [grade] * 30 + [2.0] * 3
    raw = score(values, 1, 5)
    found, _ = corrected(judged_by_scale(), certificate(labelled=labelled), {"good": values}, raw)
    made = found["good"]
    assert made.value == pytest.approx(np.mean(values))
    assert made.low < raw["good"].low
    assert made.high > raw["good"].high or made.high == 5


def test_a_mean_clipped_to_the_scale_keeps_its_width() -> None:
    """A harsh judge: two steps below people; the suite's grades are 4.5 by it."""
    labelled = tuple((3.0 + i % 3, 1.0 + i % 3) for i in range(60))
    values = [4.0, 5.0] * 20
    raw = score(values, 1, 5)
    found, _ = corrected(judged_by_scale(), certificate(labelled=labelled), {"good": values}, raw)
    made = found["good"]
    assert (made.value, made.high) == (5, 5)
    assert made.high - made.low >= raw["good"].high - raw["good"].low - 1e-9


def with_counts(counts: dict[str, list[list[int]]], **figures: Figure) -> Certificate:
    n = sum(map(sum, next(iter(counts.values()))))
    return certificate(
        confusion=Confusion(("No", "Yes"), counts),
        figures=figures,
        labelled=((1.0, 1.0),) * n,
    )


def test_a_rate_is_not_corrected_if_kappa_may_be_0() -> None:
    """12 of 20 right: sensitivity and specificity add up to 1.2, but by chance as likely as not."""
    one = with_counts({"ok": [[6, 4], [4, 6]]}, kappa=Figure(0.2, -0.25, 0.6, 20))
    values = [1.0] * 20 + [0.0] * 20
    found, left = corrected(judged_by_criteria("ok"), one, {"good": values}, score(values, 0, 1))
    assert found == {}
    assert left["good"].startswith("kappa is not significantly above 0: [-")


def test_each_criterion_is_corrected_by_its_own_kappa() -> None:
    counts = {"good-at": [[28, 2], [2, 28]], "bad-at": [[15, 15], [15, 15]]}
    one = with_counts(counts, kappa=Figure(0.43, 0.2, 0.6, 60))
    values = {f"good[{name}]": [1.0] * 10 + [0.0] * 30 for name in counts}
    found, left = corrected(judged_by_criteria(*counts), one, values, {})
    assert set(found) == {"good[good-at]"}
    assert set(left) == {"good[bad-at]"}
    # (p + specificity - 1) / (sensitivity + specificity - 1)
    expected = (0.25 + 28 / 30 - 1) / (2 * 28 / 30 - 1)
    assert found["good[good-at]"].value == pytest.approx(expected)


@pytest.mark.parametrize("counts", [[[30, 0], [0, 30]], [[29, 1], [3, 27]], [[10, 0], [0, 10]]])
@pytest.mark.parametrize("met", [0, 1, 20, 39, 40])
def test_a_corrected_rate_is_less_certain_than_the_raw_one(
    counts: list[list[int]], met: int
) -> None:
    values = [1.0] * met + [0.0] * (40 - met)
    raw = score(values, 0, 1)
    found, _ = corrected(
        judged_by_criteria("ok"), with_counts({"ok": counts}), {"good": values}, raw
    )
    made, before = found["good"], raw["good"]
    assert made.low <= made.value <= made.high
    assert before.low is not None
    assert before.high is not None
    assert made.high - made.low >= before.high - before.low - 1e-9


def test_people_who_never_said_no_leave_one_error_unknown() -> None:
    one = with_counts({"ok": [[0, 0], [2, 38]]})
    _, left = corrected(judged_by_criteria("ok"), one, {"good": [1.0, 0.0] * 20}, {})
    assert left == {"good": "people said yes to every labelled case"}
