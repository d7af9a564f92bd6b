"""Scores of two sides whose answers are exchanged, against the metrics themselves."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import nan
from typing import Any

import numpy as np
import pytest

from evalkit.metrics import exchange
from evalkit.metrics.base import Columns, Likelihood
from evalkit.metrics.probabilistic import auroc_gains
from evalkit.metrics.run import run_metric
from evalkit.metrics.weighted import of_sums, sums
from evalkit.stats.exchange import Sides, compare_sides, units_of

LABELS = ("a", "b", "c")
WORDS = ["the", "cat", "sat", "on", "a", "mat", "dog", "ran"]
rng = np.random.default_rng(7)


def classified(n: int = 40) -> tuple[Columns, Columns]:
    truth = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    truth[:3] = [0, 1, 2]

    def side() -> Columns:
        said = [LABELS[k] if rng.random() < 0.7 else LABELS[rng.integers(3)] for k in truth]
        said[4] = None  # type: ignore[call-overload]
        probabilities = np.round(rng.dirichlet((1, 1, 1), n), 1)
        return Columns(said, [(LABELS[k],) for k in truth], LABELS, probabilities)

    return side(), side()


def translated(n: int = 30) -> tuple[Columns, Columns]:
    targets = [(" ".join(rng.choice(WORDS, 7)),) for _ in range(n)]

    def side() -> Columns:
        said = [
            " ".join([*t.split()[: rng.integers(2, 7)], *rng.choice(WORDS, 2)]) for (t,) in targets
        ]
        return Columns(said, targets)

    return side(), side()


def read(n: int = 20) -> tuple[Columns, Columns]:
    def side() -> Columns:
        texts = [Likelihood(-float(rng.uniform(5, 60)), 5 + i, 20 + 3 * i) for i in range(n)]
        return Columns([None] * n, [()] * n, likelihoods=texts)

    return side(), side()


def tagged(n: int = 20) -> tuple[Columns, Columns]:
    tags = ["O", "B-PER", "B-LOC"]
    wanted = [" ".join(rng.choice(tags, 6)) for _ in range(n)]

    def side() -> Columns:
        said = [" ".join(t if rng.random() < 0.7 else "O" for t in w.split()) for w in wanted]
        return Columns(said, [(w,) for w in wanted], ("PER", "LOC"))

    return side(), side()


def leaning(n: int = 20) -> tuple[Columns, Columns]:
    rows = [{"toward": "x", "away": "y"}] * n

    def side() -> Columns:
        return Columns(rng.choice(["x", "y", "z"], n).tolist(), [("z",)] * n, fields=rows)

    return side(), side()


LEAN = {"toward": "toward", "away": "away"}
CASES = [
    *((classified, score, {}) for score in (
        "macro_f1", "weighted_f1", "micro_precision", "macro_recall", "balanced_accuracy", "mcc",
        "cohen_kappa", "f1[c]", "recall[b]", "precision[c]", "auroc", "calibration_error")),
    *((translated, score, {}) for score in ("bleu", "chrf", "ter")),
    *((read, score, {}) for score in ("perplexity", "bits_per_byte")),
    *((tagged, score, {}) for score in ("entity_f1", "entity_recall[LOC]", "entity_precision")),
    (leaning, "bias_score", LEAN),
]  # fmt: skip


def sides_of(score: str, a: Columns, b: Columns, settings: dict[str, str]) -> Sides:
    statistic = of_sums(score, settings)
    if statistic is not None:
        one, other = (sums(score, side, settings) for side in (a, b))
        return exchange.of_sums(score, one, other, statistic, units_of(len(a)))
    found = exchange.of_columns(score, a, b, units_of(len(a)), settings)
    assert found is not None
    return found


def exchanged(a: Columns, b: Columns, which: np.ndarray) -> tuple[Columns, Columns]:
    both = a.followed_by(b)
    n = len(a)
    first = [i + n if which[i] else i for i in range(n)]
    second = [i if which[i] else i + n for i in range(n)]
    return both.subset(first), both.subset(second)


def value(score: str, columns: Columns, settings: dict[str, str]) -> float:
    return run_metric(score.partition("[")[0], columns, settings=settings)[score].value


def differing(a: Columns, b: Columns, score: str, settings: dict[str, str]) -> np.ndarray:
    """The samples that differ for a score, by their number."""
    statistic = of_sums(score, settings)
    if statistic is not None:
        one, other = (sums(score, side, settings) for side in (a, b))
        return np.flatnonzero((one != other).any(axis=1))
    if score == "auroc":  # ranks that stay the same do not matter
        return np.flatnonzero(auroc_gains(a, b))
    return np.flatnonzero([x != y for x, y in zip(a.predictions, b.predictions, strict=True)])


@pytest.mark.parametrize(("made", "score", "settings"), CASES, ids=[f"{case[1]}" for case in CASES])
def test_an_exchange_is_the_metric_of_exchanged_answers(
    made: Any, score: str, settings: dict[str, str]
) -> None:
    a, b = made()
    sides = sides_of(score, a, b, settings)
    which = differing(a, b, score, settings)
    assert sides.differing.tolist() == which.tolist()
    patterns = rng.integers(0, 2, (4, len(which))).astype(float)
    for pattern, found in zip(patterns, sides.differences(patterns), strict=True):
        whole = np.zeros(len(a))
        whole[which] = pattern
        first, second = exchanged(a, b, whole)
        expected = value(score, second, settings) - value(score, first, settings)
        assert found == pytest.approx(expected, abs=1e-9)
    alone = sides.differences(np.eye(len(which)))
    assert sides.alone() == pytest.approx(alone, abs=1e-9)


@pytest.mark.usefixtures("no_intervals")
@pytest.mark.parametrize(("n", "score"), [(7, "macro_f1"), (6, "mcc"), (7, "auroc"), (7, "chrf")])
def test_the_p_value_is_over_all_exchanges(n: int, score: str) -> None:
    a, b = (translated if score == "chrf" else classified)(n)
    found = compare_sides(sides_of(score, a, b, {}), units_of(n), width=1)
    ways = [exchanged(a, b, np.array(w)) for w in product((0, 1), repeat=n)]
    gaps = [abs(value(score, y, {}) - value(score, x, {})) for x, y in ways]
    assert found.p == pytest.approx(np.mean(np.array(gaps) >= gaps[0] - 1e-12))
    assert found.test == "permutation, exact"


@pytest.mark.parametrize(
    ("score", "n"), [(s, n) for s in ("macro_f1", "f1[c]", "bleu", "ter") for n in (5, 8)]
)
def test_the_level_is_kept_over_all_exchanges(score: str, n: int) -> None:
    """Of all ways to call one answer to each sample a's, at most 5 % are called a difference."""
    corpus = score in ("bleu", "ter")
    a, b = (translated if corpus else classified)(n)
    rows = [sums(score, side, {}) for side in (a, b)] if corpus else []
    rejected = []
    for way in product((False, True), repeat=n):
        which = np.array(way)
        if corpus:
            first, second = (np.where(which[:, None] ^ turn, *rows) for turn in (False, True))
            statistic = of_sums(score, {})
            assert statistic is not None
            sides = exchange.of_sums(score, first, second, statistic, units_of(n))
        else:
            sides = sides_of(score, *exchanged(a, b, which), {})
        found = compare_sides(sides, units_of(n), width=100)
        rejected.append(found.p <= 0.05)
        assert (found.low <= 0 <= found.high) == (found.p > 0.05)
    assert np.mean(rejected) <= 0.05


def test_a_rare_label_keeps_the_level() -> None:
    """Macro F1 with one sample in ten of a label; the bootstrap used to reject 13 % at n = 20."""
    n, rejected = 20, 0
    for _ in range(300):
        truth = rng.random(n) < 0.1
        said = [np.where(rng.random(n) < 0.75, truth, ~truth) for _ in range(2)]
        a, b = (
            Columns(["ab"[k] for k in x.astype(int)] and [("b" if k else "a") for k in x],
                    [("b",) if k else ("a",) for k in truth], ("a", "b"))
            for x in said
        )  # fmt: skip
        found = compare_sides(sides_of("macro_f1", a, b, {}), units_of(n), width=1)
        rejected += found.p <= 0.05
        assert (found.low <= 0 <= found.high) == (found.p > 0.05)
    assert rejected / 300 <= 0.06


def perfect(n: int, rare: int) -> Columns:
    truth = ["b"] * rare + ["a"] * (n - rare)
    return Columns(list(truth), [(t,) for t in truth], ("a", "b"))


def test_equal_sides_allow_for_the_most_influential_answer() -> None:
    columns = perfect(100, 5)
    found = compare_sides(sides_of("macro_f1", columns, columns, {}), units_of(100), width=1)
    wrong = replace(columns, predictions=["a", *columns.predictions[1:]])
    one = 1 - value("macro_f1", wrong, {})
    # 3.6 answers of 100 may be wrong that were not (97.5 %), each of them one of the rare label
    assert found.low == pytest.approx(-one * 100 * (1 - 0.025**0.01))
    assert found.p == 1.0


def test_a_label_without_a_sample_leaves_the_score_open() -> None:
    columns = perfect(30, 0)
    found = compare_sides(sides_of("macro_f1", columns, columns, {}), units_of(30), width=1)
    assert found.low <= -0.5
    assert exchange.unseen("macro_f1", columns) == "no sample has the label b"
    assert exchange.unseen("weighted_f1", columns) == ""


def test_one_changed_rank_weighs_one_sample_of_the_smaller_class() -> None:
    truth = [1] * 4 + [0] * 36
    scores = np.linspace(0.9, 0.1, 40)
    columns = Columns(
        ["y"] * 40, [("xy"[t],) for t in truth], ("x", "y"), np.column_stack([1 - scores, scores])
    )
    found = compare_sides(sides_of("auroc", columns, columns, {}), units_of(40), width=1)
    assert found.low == pytest.approx(-10 * (1 - 0.025 ** (1 / 40)))


def test_clusters_leave_no_more_uncertainty_than_as_many_samples() -> None:
    """Ten clusters of five equal answers say as much as ten answers."""
    for score, made in (("ter", translated), ("entity_recall", tagged)):
        a, _ = made(10)
        alone = compare_sides(sides_of(score, a, a, {}), units_of(10), width=100)
        fives = a.subset(np.repeat(np.arange(10), 5).tolist())
        units = units_of(50, [i // 5 for i in range(50)])
        rows = np.zeros((10, sums(score, a, {}).shape[1]))
        np.add.at(rows, units.a, sums(score, fives, {}))
        statistic = of_sums(score, {})
        assert statistic is not None
        found = compare_sides(
            exchange.of_sums(score, rows, rows, statistic, units), units, width=100
        )
        assert found.low == pytest.approx(alone.low)
        assert found.low < 0


def test_without_a_range_equal_sides_allow_for_one_samples_weight() -> None:
    a, _ = read(20)
    found = compare_sides(sides_of("perplexity", a, a, {}), units_of(20), width=np.inf)
    whole = value("perplexity", a, {})
    without = [
        abs(value("perplexity", a.subset([j for j in range(20) if j != i]), {}) - whole)
        for i in range(20)
    ]
    assert found.high == pytest.approx(max(without) * 20 * (1 - 0.025**0.05))
    same = Columns([None] * 8, [()] * 8, likelihoods=[Likelihood(-5.0, 3, 9)] * 8)
    nothing = compare_sides(sides_of("perplexity", same, same, {}), units_of(8), width=np.inf)
    assert np.isnan(nothing.low)
    assert "no difference was seen" in nothing.note


def test_clusters_and_repeats_are_exchanged_whole() -> None:
    a, b = classified(24)
    clusters = [f"c{i // 4}" for i in range(24)]
    units = units_of(24, clusters)
    sides = exchange.of_columns("macro_f1", a, b, units, {})
    assert sides is not None
    assert len(sides.differing) <= 6
    found = compare_sides(sides, units, width=1)
    assert found.test == "permutation, exact, clustered"
    assert found.p >= 2 / 2**6
    # two answers to each of twelve questions are twelve units
    of = [i // 2 for i in range(24)]
    questions = units_of(12, None, of, of)
    sides = exchange.of_columns("macro_f1", a, b, questions, {})
    assert sides is not None
    whole = rng.integers(0, 2, (3, len(sides.differing))).astype(float)
    assert np.isfinite(sides.differences(whole)).all()


def test_test_and_interval_agree_over_clusters_of_any_size() -> None:
    statistic = of_sums("bleu", {})
    assert statistic is not None
    for groups in (6, 9, 30):
        for _ in range(6):
            sizes = rng.geometric(0.3, size=groups) * rng.choice([1, 1, 10], size=groups)
            of = np.repeat(np.arange(groups), sizes)
            sides = [sums("bleu", side, {}) for side in translated(len(of))]
            units = units_of(len(of), of.tolist())
            rows = [np.zeros((groups, sides[0].shape[1])) for _ in sides]
            for total, side in zip(rows, sides, strict=True):
                np.add.at(total, of, side)
            rows[1][:, 2] += rng.integers(0, 3)  # matches that b has and a has not
            found = compare_sides(
                exchange.of_sums("bleu", rows[0], rows[1], statistic, units), units, width=100
            )
            assert (found.low <= 0 <= found.high) == (found.p > 0.05)
            assert found.low < found.high


def test_an_area_over_questions_with_lost_answers() -> None:
    a, b = classified(30)
    some = [i for i in range(30) if i != 7]
    of = [i // 2 for i in range(30)]
    units = units_of(15, None, of, [of[i] for i in some])
    sides = exchange.of_columns("auroc", a, b.subset(some), units, {})
    assert sides is not None
    expected = value("auroc", b.subset(some), {}) - value("auroc", a, {})
    assert sides.differences(np.zeros((1, len(sides.differing))))[0] == pytest.approx(expected)


def test_a_function_gets_the_exchanged_answers_in_order() -> None:
    a = Columns([str(i) for i in range(8)], [("x",)] * 8)
    b = Columns([str(10 * i) for i in range(8)], [("x",)] * 8)
    seen = []

    def first_of(columns: Columns) -> float:
        seen.append(list(columns.predictions))
        return float(columns.predictions[1] or nan)

    sides = exchange.of_function(first_of, a, b, units_of(8))
    assert len(sides.differing) == 7  # "0" is the same
    which = np.zeros((1, 7))
    which[0, 0] = 1
    assert sides.differences(which)[0] == 1 - 10
    assert seen[-1] == ["0", "10", *(str(i) for i in range(2, 8))]
