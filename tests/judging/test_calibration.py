"""Figures of a certificate: against other implementations, and for judges with known faults."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import cohen_kappa_score

from evalkit.judging.calibration import Graded, confusion, figures
from evalkit.stats.correction import rogan_gladen, rogan_gladen_interval
from evalkit.stats.intervals import wilson

STEPS = ["1", "2", "3", "4", "5"]


def scale_cases(n: int = 60, seed: int = 0) -> list[Graded]:
    rng = np.random.default_rng(seed)
    human = rng.integers(1, 6, n)
    judge = np.clip(human + rng.integers(-1, 2, n), 1, 5)
    words = rng.integers(5, 300, n)
    return [
        Graded(float(h), float(j), {"": (str(h), str(j))}, float(w))
        for h, j, w in zip(human, judge, words, strict=True)
    ]


def test_agreement_equals_other_implementations() -> None:
    cases = scale_cases()
    human = [case.human for case in cases]
    judge = [case.judge for case in cases]
    found = figures(cases, STEPS, "pointwise")
    assert found["kappa"].value == pytest.approx(cohen_kappa_score(human, judge))
    weighted = cohen_kappa_score(human, judge, weights="quadratic")
    assert found["weighted_kappa"].value == pytest.approx(weighted)
    assert found["spearman"].value == pytest.approx(stats.spearmanr(human, judge).statistic)
    assert found["kendall"].value == pytest.approx(stats.kendalltau(human, judge).statistic)
    x = np.array([[case.human, case.words / 100] for case in cases])
    slope = LinearRegression().fit(x, judge).coef_[1]
    assert found["length_bias"].value == pytest.approx(slope)
    for figure in found.values():
        assert figure.low < figure.value < figure.high
        assert figure.n == 60


def test_rank_intervals_are_wider_than_those_of_a_plain_bootstrap() -> None:
    """Below: they allow for errors of the judge that no resample of 40 cases shows."""
    cases = scale_cases(40)
    pairs = np.array([[case.human, case.judge] for case in cases])
    rng = np.random.default_rng(1)
    drawn = [stats.spearmanr(*pairs[rng.integers(0, 40, 40)].T).statistic for _ in range(1000)]
    found = figures(cases, STEPS, "pointwise")["spearman"]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.low < low
    assert found.high == pytest.approx(high, abs=0.01)
    assert found.high - found.low < 2 * (high - low)


def test_half_a_point_for_a_hundred_words_is_found() -> None:
    rng = np.random.default_rng(3)
    human = rng.integers(1, 6, 200).astype(float)
    words = rng.integers(0, 200, 200) + 20.0 * human  # good answers are longer, too
    judge = human + 0.5 * words / 100 + rng.normal(0, 0.3, 200)
    cases = [Graded(h, j, {"": ("1", "1")}, w) for h, j, w in zip(human, judge, words, strict=True)]
    found = figures(cases, STEPS, "pointwise")["length_bias"]
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.3


def test_equal_lengths_give_no_length_bias() -> None:
    cases = [Graded(1.0 + i % 5, 2.0, {"": ("1", "2")}, 30.0) for i in range(20)]
    found = figures(cases, STEPS, "pointwise")
    assert math.isnan(found["length_bias"].value)
    assert found["length_bias"].why == "length does not vary apart from people's grade"
    assert math.isnan(found["spearman"].value)
    assert found["spearman"].why == "the judge gave every case the same grade"


def test_a_judge_that_prefers_the_first_of_two() -> None:
    """It prefers the first text in 70 % of its judgments, whatever the texts."""
    rng = np.random.default_rng(5)
    n = 400
    first, second = rng.random(n) < 0.7, rng.random(n) < 0.7
    wins = np.column_stack([first, ~second]).astype(float)
    cases = [
        Graded(0.5, float(w.mean()), {"": ("tie", {0: "b", 1: "tie", 2: "a"}[int(w.sum())])},
               wins=(w[0], w[1]))
        for w in wins
    ]  # fmt: skip
    found = figures(cases, ["b", "tie", "a"], "pairwise")
    assert found["position_bias"].low < 0.2 < found["position_bias"].high
    chosen = (first.sum() + second.sum()) / (2 * n) - 0.5
    assert found["position_bias"].value == pytest.approx(chosen)
    # the same text twice: it chose a place once and the other place once
    assert found["swap_consistency"].value == pytest.approx((first != second).mean())


def test_its_own_family_is_graded_half_a_point_higher() -> None:
    rng = np.random.default_rng(7)
    cases = []
    for i in range(200):
        own = float(i % 2)
        human = float(rng.integers(1, 6))
        judge = human + 0.5 * own + rng.normal(0, 0.4)
        cases.append(Graded(human, judge, {"": ("1", "1")}, float(i), own))
    found = figures(cases, STEPS, "pointwise")["self_preference"]
    assert found.low < 0.5 < found.high
    pairs = [Graded(0.5, 1.0 if i % 4 else 0.0, {"": ("tie", "a")}, 0.0, 1.0) for i in range(40)]
    assert figures(pairs, ["b", "tie", "a"], "pairwise")["self_preference"].value == 0.25


def binary(human: bool, judge: bool) -> Graded:
    said = ("Yes" if human else "No", "Yes" if judge else "No")
    return Graded(float(human), float(judge), {"ok": said}, 10.0)


def test_sensitivity_specificity_and_confusion_by_hand() -> None:
    cases = [binary(True, True)] * 9 + [binary(True, False)] + [binary(False, False)] * 7
    cases += [binary(False, True)] * 3
    found = figures(cases, ["No", "Yes"], "binary")
    assert found["sensitivity"].value == 0.9
    assert found["specificity"].value == 0.7
    assert found["kappa"].value == pytest.approx((0.8 - 0.5) / 0.5)  # 16 of 20, chance ½
    assert found["sensitivity"].n == found["specificity"].n == 10
    assert confusion(cases, ["No", "Yes"]).counts == {"ok": [[7, 3], [1, 9]]}


def test_perfect_agreement_of_few_is_not_certain() -> None:
    cases = [binary(i % 2 == 0, i % 2 == 0) for i in range(8)]
    found = figures(cases, ["No", "Yes"], "binary")
    assert found["kappa"].value == 1
    # At a share e of errors kappa is 1 - 2e, and 0 of 8 leaves e = .37 possible (Clopper, Pearson).
    assert 0.1 < found["kappa"].low < 1 - 2 * (1 - 0.025 ** (1 / 8))


def degenerate(n: int) -> Iterator[tuple[str, list[Graded], list[str], str]]:
    """Cases of every mode in which something does not vary."""
    steps = [1 + i % 5 for i in range(n)]
    for name, human, judge in (
        ("perfect", steps, steps),
        ("inverse", steps, [6 - step for step in steps]),
        ("constant judge", steps, [3] * n),
        ("constant people", [3] * n, steps),
        ("both constant", [3] * n, [3] * n),
    ):
        cases = [
            Graded(float(h), float(j), {"": (str(h), str(j))}, 7.0 * (i % 6), own=float(i % 2),
                   repeated=(1, 1))
            for i, (h, j) in enumerate(zip(human, judge, strict=True))
        ]  # fmt: skip
        yield f"scale, {name}", cases, STEPS, "pointwise"
        cases = [binary(h > 3, j > 3) for h, j in zip(human, judge, strict=True)]
        yield f"criterion, {name}", cases, ["No", "Yes"], "binary"
    for name, wins in (("first", (1.0, 0.0)), ("same", (1.0, 1.0)), ("tie", (0.0, 1.0))):
        grade = sum(wins) / 2
        said = {0.5: "tie", 1.0: "a"}[grade]
        for human, answer in ((1.0, "a"), (0.5, "tie")):
            cases = [
                Graded(human, grade, {"grade": (answer, said)}, float(i % 3), own=(-1.0) ** i,
                       wins=wins)
                for i in range(n)
            ]  # fmt: skip
            yield f"pairs, {name}, {answer}", cases, ["b", "tie", "a"], "pairwise"


@pytest.mark.parametrize("n", [1, 2, 3, 20, 60])
def test_no_figure_is_certain_where_nothing_varies(n: int) -> None:
    """Each has an interval that allows for unseen errors, or is undefined with the reason."""
    hidden = 1 - wilson(n, n).low
    for name, cases, labels, mode in degenerate(n):
        for key, figure in figures(cases, labels, mode).items():
            where = f"{key}, {name}, {n} cases"
            if math.isnan(figure.value):
                assert figure.why, where
                assert math.isnan(figure.low), where
            else:
                assert not figure.why, where
                assert figure.low <= figure.value <= figure.high, where
                # The share of hidden cases, each of which moves a figure at least a quarter.
                assert figure.high - figure.low >= 0.25 * hidden, where


def test_figures_that_depend_on_one_case_are_undefined() -> None:
    words = [10.0] * 29 + [40.0]
    cases = [replace(case, words=w) for case, w in zip(scale_cases(30), words, strict=True)]
    found = figures(cases, STEPS, "pointwise")["length_bias"]
    assert (math.isnan(found.value), found.why) == (True, "it depends on a single case")
    own = [replace(case, own=float(i == 0)) for i, case in enumerate(scale_cases(30))]
    assert figures(own, STEPS, "pointwise")["self_preference"].why == "it depends on a single case"


def test_several_criteria_of_a_case_count_as_one_observation() -> None:
    """Four criteria of 20 cases, all met or all not: as many cases of people's yes, not of all."""
    cases = []
    for i in range(20):
        said = "Yes" if i % 2 else "No"
        cases.append(Graded(float(i % 2), float(i % 2), dict.fromkeys("abcd", (said, said))))
    found = figures(cases, ["No", "Yes"], "binary")
    assert found["sensitivity"].n == found["specificity"].n == 10
    assert found["sensitivity"].low == wilson(10, 10).low
    mixed = [replace(cases[0], answers={"a": ("Yes", "Yes"), "b": ("No", "No")})] * 20
    assert figures(mixed, ["No", "Yes"], "binary")["sensitivity"].n == 20


def test_the_corrected_rate_covers_the_true_one_in_95_percent_of_simulations() -> None:
    """A judge of sensitivity 0.9 and specificity 0.7, calibrated on 100 + 100 labels."""
    rng = np.random.default_rng(11)
    times, n, labels = 2000, 300, 100
    for truth in (0.2, 0.6):
        true = rng.binomial(n, truth, times)
        called = rng.binomial(true, 0.9) + rng.binomial(n - true, 0.3)
        negatives, positives = rng.binomial(labels, 0.7, times), rng.binomial(labels, 0.9, times)
        inside, values = 0, []
        for c, neg, pos in zip(called, negatives, positives, strict=True):
            ends = rogan_gladen_interval((c, n), (neg, labels), (pos, labels))
            inside += ends.low <= truth <= ends.high
            values.append(rogan_gladen(c / n, neg / labels, pos / labels))
        assert 0.94 <= inside / times <= 0.975
        assert np.mean(values) == pytest.approx(truth, abs=0.01)
        assert abs(float((called / n).mean()) - truth) > 0.05  # uncorrected it is wrong
