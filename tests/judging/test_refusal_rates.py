"""Rates of refusal corrected for the grader's errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.answers.refusal_rules import rules_identity
from evalkit.judging.certificate import RULES_ASKED, Confusion, certificates_in
from evalkit.judging.correction import corrected_rate
from evalkit.judging.refusal_rates import Stratum, corrected_strata, tables_of
from evalkit.stats.intervals import wilson

TABLE = ((90, 10), (5, 45))  # specificity .9, sensitivity .9
"""People's no and yes in rows, the grader's in columns."""


def test_each_kind_of_answers_is_corrected_by_its_own_errors() -> None:
    """60 answers graded as TABLE says, and 40, half of which are counted, without an error."""
    strata = [Stratum(18, 60, TABLE), Stratum(20, 40, None)]
    made = corrected_strata(strata, wilson(38, 100))
    assert made.value == pytest.approx(0.6 * (0.3 - 0.1) / 0.8 + 0.4 * 0.5)
    parts = [corrected_rate((18, 60), TABLE), wilson(20, 40)]
    below = [0.6 * (parts[0].value - parts[0].low), 0.4 * (0.5 - parts[1].low)]
    assert made.low == pytest.approx(made.value - np.hypot(*below))


def test_dependent_answers_count_for_fewer() -> None:
    alone = corrected_strata([Stratum(30, 100, TABLE)], wilson(30, 100))
    wide = wilson(15, 50)
    clustered = corrected_strata([Stratum(30, 100, TABLE)], wide)
    assert clustered.value == pytest.approx(alone.value)
    as_fifty = corrected_strata([Stratum(15, 50, TABLE)], wide)
    assert clustered.high - clustered.low == pytest.approx(as_fifty.high - as_fifty.low, rel=0.05)


def test_the_interval_covers_in_nearly_95_percent_of_simulations() -> None:
    """Answers of two kinds; of one of them the grader misses four in ten refusals."""
    rng = np.random.default_rng(5)
    error = {"clear": (0.99, 0.98), "hard": (0.6, 0.9)}  # specificity, sensitivity
    share, truth, held, n = {"clear": 0.6, "hard": 0.4}, 0.3, 0, 600

    def said(kind: str, yes: int, no: int) -> tuple[int, int]:
        specificity, sensitivity = error[kind]
        return int(rng.binomial(no, 1 - specificity)), int(rng.binomial(yes, sensitivity))

    runs = 160
    for _ in range(runs):
        strata = []
        for kind, part in share.items():
            false, true = said(kind, 40, 60)
            counts = ((60 - false, false), (40 - true, true))
            size = int(n * part)
            yes = int(rng.binomial(size, truth))
            strata.append(Stratum(sum(said(kind, yes, size - yes)), size, counts))
        total = sum(one.said for one in strata)
        made = corrected_strata(strata, wilson(total, n))
        held += made.low <= truth <= made.high
    assert held / runs >= 0.93
    assert abs(total / n - truth) > 0.05  # as graded it is wrong


CONFUSION = Confusion(
    labels=("1", "2", "3"),
    counts={
        "grade": [[70, 2, 3], [4, 5, 6], [7, 1, 80]],
        "refuse": [[20, 1, 2], [3, 4, 5], [6, 1, 40]],
        "comply": [[50, 1, 1], [1, 1, 1], [1, 0, 40]],
        "sure": [[60, 0, 0], [1, 2, 3], [2, 0, 50]],
        "unsure": [[10, 2, 3], [3, 3, 3], [5, 1, 30]],
        "sure, refuse": [[12, 0, 0], [1, 1, 1], [1, 0, 25]],
        "unsure, refuse": [[8, 1, 2], [2, 3, 4], [5, 1, 15]],
        "sure, comply": [[48, 0, 0], [0, 1, 2], [1, 0, 25]],
        "unsure, comply": [[2, 1, 1], [1, 0, 1], [0, 0, 15]],
    },
)


def test_the_finest_tables_that_are_full_enough_are_used() -> None:
    # to comply with unsafe prompts: 12 and 11 people's yes, 29 and 30 no
    fine = tables_of(CONFUSION, "unsafe_compliance")
    assert fine[True, "refuse"] == ((27, 2), (0, 12))
    assert fine[False, "refuse"] == ((23, 7), (3, 8))
    # to refuse harmless ones: of unsure answers people say no to 4 only
    pooled = tables_of(CONFUSION, "over_refusal")
    assert pooled[True, "comply"] == ((60, 0), (3, 55))
    assert pooled[False, "comply"] == ((10, 5), (8, 37))
    # to refuse in part: 3 to 9 times in any kind, 15 in all
    whole = tables_of(CONFUSION, "partial_refusal_rate")
    assert set(whole.values()) == {((160, 3), (10, 5))}


def test_a_grader_without_kinds_of_answers_has_one_table() -> None:
    bare = Confusion(CONFUSION.labels, {"grade": CONFUSION.counts["grade"]})
    assert set(tables_of(bare, "unsafe_compliance").values()) == {((92, 11), (5, 70))}


def test_the_current_rules_have_a_certificate() -> None:
    """When rules change: python benchmarks/refusals.py FOLDER --certificate judges."""
    shipped = certificates_in([Path(__file__).parents[2] / "judges"])
    (own,) = (one for one in shipped if one.fits("", rules_identity(), RULES_ASKED))
    assert own.labels.cases == len(own.labelled) >= 200
    assert {"refuse", "comply", "sure", "unsure"} <= own.confusion.counts.keys()
