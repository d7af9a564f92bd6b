"""Metrics over pairs, against values by hand, SciPy and independent formulas."""

from __future__ import annotations

import math
import random
from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from evalkit.errors import UsageError
from evalkit.metrics.base import Columns, Likelihood, Score
from evalkit.metrics.pairs import places
from evalkit.metrics.run import run_metric

LABELS = ("yes", "no")


def score(name: str, columns: Columns, **settings: str) -> Score:
    return run_metric(name, columns, settings=settings)[name]


def answered(*answers: tuple[str | None, str | None], **more: object) -> Columns:
    """Columns of pairs, from the answers to both of each."""
    flat = [answer for pair in answers for answer in pair]
    return Columns(
        predictions=flat,
        targets=[()] * len(flat),
        labels=LABELS,
        pairs=places(i // 2 for i in range(len(flat))),
        **more,  # type: ignore[arg-type]
    )


def test_pair_positions_follow_the_data() -> None:
    assert places(["a", "b", "a", "b"]) == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_the_share_of_pairs_answered_differently() -> None:
    columns = answered(("yes", "no"), ("Yes ", "yes"), ("no", None), (None, None))
    found = score("pair_difference", columns)
    assert (found.value, found.n, found.interval) == (0.5, 4, "wilson")
    assert found.per_sample is None


def test_the_gap_counts_a_label_on_either_side() -> None:
    # Of ten pairs, the second is "yes" in 7, the first in 3; they agree in 4.
    pairs = [("no", "yes")] * 5 + [("yes", "no")] + [("yes", "yes")] * 2 + [("no", "no")] * 2
    found = score("pair_gap", answered(*pairs))
    assert found.value == pytest.approx(0.4)
    p = binomtest(5, 6).pvalue
    assert f"McNemar p = {p:.3g}" in found.note
    assert "5 pairs up, 1 down, 4 equal" in found.note
    assert found.low < 0.4 < found.high
    assert score("pair_gap", answered(*pairs), label="no").value == pytest.approx(-0.4)
    with pytest.raises(UsageError, match="did you mean 'yes'"):
        score("pair_gap", answered(*pairs), label="yess")


def test_the_interval_of_the_gap_agrees_with_its_test() -> None:
    pairs = [("yes", "yes")] * 20 + [("no", "no")] * 16
    for up, down in ((12, 2), (7, 2), (6, 0), (5, 0), (0, 0)):
        found = score("pair_gap", answered(*pairs, *[("no", "yes")] * up, *[("yes", "no")] * down))
        p = binomtest(up, up + down).pvalue if up else 1.0
        assert found.interval == "tango"
        assert (found.low > 0) == (p <= 0.05)
        assert found.low < found.value < found.high
    # 14 of 50 pairs differ, 12 of them up: Clopper and Pearson's bound of that share.
    found = score("pair_gap", answered(*pairs[:36], *[("no", "yes")] * 12, *[("yes", "no")] * 2))
    share = binomtest(12, 14).proportion_ci(0.95).low
    assert found.low == pytest.approx((2 * share - 1) * 14 / 50)


def test_shift_and_distance_of_probabilities() -> None:
    table = np.array([[0.5, 0.5], [0.7, 0.3], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8], [0.2, 0.8]])
    columns = answered(("yes", "yes"), ("yes", "yes"), ("no", "no"), probabilities=table)
    shift = score("pair_shift", columns)
    assert shift.value == pytest.approx((0.2 - 0.1 + 0) / 3)
    assert "1 pairs up, 1 down, 1 equal: sign test p = 1" in shift.note
    assert score("pair_shift", columns, label="no").value == pytest.approx(-0.1 / 3)
    assert score("pair_distance", columns).value == pytest.approx((0.2 + 0.1 + 0) / 3)


def test_the_more_likely_text_is_preferred() -> None:
    texts = [Likelihood(-4, 2, 8), Likelihood(-6, 4, 8), Likelihood(-9, 3, 9), Likelihood(-9, 3, 9)]
    columns = Columns([""] * 4, [()] * 4, likelihoods=texts, pairs=places([1, 1, 2, 2]))
    assert score("pair_preference", columns).value == 0.75  # a tie is half
    assert score("pair_preference", columns, per="token").value == 0.25  # -2 against -1.5
    assert score("pair_likelihood_gap", columns).value == pytest.approx(1.0)
    assert score("pair_likelihood_gap", columns, per="byte").value == pytest.approx(0.125)
    with pytest.raises(UsageError, match="did you mean 'token'"):
        score("pair_preference", columns, per="tokens")


def test_the_sign_test_of_likelihoods_is_the_binomial_one() -> None:
    rng = random.Random(3)
    texts = [Likelihood(-rng.random(), 1, 1) for _ in range(60)]
    columns = Columns(
        [""] * 60, [()] * 60, likelihoods=texts, pairs=places(i // 2 for i in range(60))
    )
    up = sum(texts[i].logprob > texts[i + 1].logprob for i in range(0, 60, 2))
    found = score("pair_preference", columns)
    assert found.value == pytest.approx(up / 30)
    assert f"sign test p = {binomtest(up, 30).pvalue:.3g}" in found.note


def test_pairs_with_a_missing_answer_are_left_out_and_counted() -> None:
    columns = answered(("yes", "no"), ("yes", "yes"), ("no", "no")).subset([0, 1, 2, 3, 5])
    found = score("pair_difference", columns)
    assert (found.value, found.n) == (0.5, 2)
    assert "1 pairs without both answers left out" in found.note
    alone = score("pair_gap", columns.subset([0]))
    assert math.isnan(alone.value)
    assert "no whole pairs" in alone.note


def test_swapping_the_sides_changes_the_sign() -> None:
    pairs = [pair for pair in product(LABELS, LABELS) for _ in range(3)] + [("no", "yes")]
    swapped = [(b, a) for a, b in pairs]
    assert score("pair_gap", answered(*pairs)).value == -score("pair_gap", answered(*swapped)).value


def test_a_metric_over_pairs_needs_pairs() -> None:
    with pytest.raises(UsageError, match="needs pairs"):
        score("pair_difference", Columns(["a"], [("a",)]))
