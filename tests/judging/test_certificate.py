"""Certificates: saving, what they apply to, what they show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit import EvalkitError
from evalkit.exchange import Generation
from evalkit.judging.certificate import (
    Asking,
    Certificate,
    Confusion,
    Figure,
    Grader,
    LabelSet,
    certificates_in,
    file_name,
    identity_of,
    read_certificate,
    shortfalls,
    write_certificate,
)
from evalkit.judging.certificates import Standing, corrected, objection
from evalkit.judging.load import Judged
from evalkit.judging.rubric import Rubric
from evalkit.judging.scores import judged_score
from evalkit.records import ScoreRecord
from evalkit.spec.judges import JudgeSpec


def certificate(**changes: Any) -> Certificate:
    values: dict[str, Any] = {
        "rubric": "good",
        "rubric_hash": "f00",
        "judge": Grader("openai:big/one?x=1", "openai", "big/one"),
        "identity": "abc",
        "asked": Asking("choice", reasoning=False),
        "labels": LabelSet("human.csv", "def", cases=3, raters=1),
        "statuses": {"ok": 3},
        "figures": {
            "kappa": Figure(0.7, 0.5, 0.85, 40),
            "length_bias": Figure(-0.1, -0.4, 0.2, 40),
            "spearman": Figure(0.8, 0.6, 0.9, 40),
            "kendall": Figure(
                math.nan, math.nan, math.nan, 40, "the judge gave every case the same grade"
            ),
        },
        "confusion": Confusion(("1", "2"), {"grade": [[1, 0], [1, 1]]}),
        "labelled": ((1.0, 1.25), (2.0, 1.5), (2.0, 2.0)),
        "made": "2026-01-31",
    }
    return Certificate(**(values | changes))


def test_a_certificate_survives_saving(tmp_path: Path) -> None:
    one = certificate()
    path = write_certificate(one, tmp_path / "judges")
    assert path.name == file_name(one)
    assert path.name.startswith("good.openai-big-one-x-1.choice-")
    read = read_certificate(path)
    assert math.isnan(read.figures["kendall"].low)
    assert read.figures["kendall"].why == "the judge gave every case the same grade"
    whole = {k: v for k, v in one.figures.items() if k != "kendall"}
    assert {k: v for k, v in read.figures.items() if k != "kendall"} == whole
    assert (read.labelled, read.confusion, read.asked) == (one.labelled, one.confusion, one.asked)
    assert (read.judge, read.labels) == (one.judge, one.labels)
    later = certificate(judge=replace(one.judge, name="other"), made="2026-02-01")
    write_certificate(later, path.parent)
    found = certificates_in([path.parent, path.parent])
    assert [c.judge.name for c in found] == ["other", one.judge.name]


@pytest.mark.parametrize("text", ["", "[]", "rubric: good\n", "figures: 3\n", "a: {"])
def test_a_broken_certificate_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.certificate.yaml"
    path.write_text(text)
    with pytest.raises(EvalkitError, match=r"x\.certificate\.yaml"):
        read_certificate(path)


def test_the_method_of_a_generating_judge_is_stored(tmp_path: Path) -> None:
    asked = Asking("text", True, "w", Generation(temperature=0.5, stop=("x",)), rules="r")
    raters = LabelSet("human.csv", "def", 3, 2, alpha=0.75, alpha_low=None, alpha_high=0.875)
    path = write_certificate(certificate(asked=asked, labels=raters), tmp_path)
    read = read_certificate(path)
    assert (read.asked, read.labels) == (asked, raters)
    assert read.fits("f00", "abc", asked)
    assert not read.fits("f00", "abc", replace(asked, generation=Generation()))
    path.write_text(path.read_text().replace("  method: text\n", "  method: text\n  mood: good\n"))
    with pytest.raises(EvalkitError, match=r"not a valid certificate \(.*mood"):
        read_certificate(path)


def test_a_certificate_is_for_one_rubric_judge_and_method() -> None:
    one = certificate()
    asked = Asking("choice", reasoning=False)
    assert one.fits("f00", "abc", asked)
    assert not one.fits("f01", "abc", asked)
    assert not one.fits("f00", "abd", asked)
    assert not one.fits("f00", "abc", replace(asked, reasoning=True))


def test_a_judge_is_the_same_on_another_machine_but_not_with_other_weights() -> None:
    here = {"weights": {"hash": "1"}, "device": "cpu", "versions": {"torch": "2.9"}}
    there = {"weights": {"hash": "1"}, "device": "cuda", "versions": {"torch": "2.10"}}
    assert identity_of(here) == identity_of(there)
    assert identity_of(here) != identity_of({**here, "weights": {"hash": "2"}})
    assert identity_of(None) == ""


def test_the_bound_of_the_interval_counts() -> None:
    one = certificate()
    assert shortfalls(one, {"kappa": 0.5, "max_length_bias": 0.4}) == []
    assert shortfalls(one, {"kappa": 0.6}) == [
        "kappa is 0.70 [0.50, 0.85], its lower bound must be 0.6"
    ]
    assert shortfalls(one, {"max_length_bias": 0.3}) == [
        "length_bias is -0.10 [-0.40, 0.20], the limit is 0.3"
    ]
    assert shortfalls(one, {"kendall": 0.1, "max_position_bias": 1}) == [
        "kendall was not measured (the judge gave every case the same grade)",
        "position_bias was not measured",
    ]


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


def test_a_certificate_over_three_cases_satisfies_no_requirement() -> None:
    """Not even where its intervals would: the ranks of three cases agree by chance alone."""
    few = Standing("strict", certificate(figures={"spearman": Figure(1.0, 1.0, 1.0, 3)}))
    verdict, reason = objection({"spearman": 0.95}, [few]) or ("", "")
    assert verdict == "error"
    assert "covers too little: 3 labelled cases, fewer than 20" in reason
    enough = certificate(
        figures={"spearman": Figure(1.0, 0.96, 1.0, 200)}, labelled=((1.0, 1.0),) * 200
    )
    assert objection({"spearman": 0.95}, [Standing("strict", enough)]) is None


def test_a_certificate_of_an_earlier_version_never_applies(tmp_path: Path) -> None:
    """Its intervals were narrower than the labels allow."""
    asked = Asking("choice", reasoning=False)
    path = write_certificate(certificate(), tmp_path)
    assert read_certificate(path).fits("f00", "abc", asked)
    path.write_text(path.read_text().replace("version: 2\n", ""))
    assert read_certificate(path).version == 1
    assert not read_certificate(path).fits("f00", "abc", asked)
