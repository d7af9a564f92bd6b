"""Intervals have their stated coverage; all kinds and sizes: benchmarks/coverage.py."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from evalkit.metrics import Columns
from evalkit.metrics.classification import macro_f1
from evalkit.stats.intervals import wilson

LABELS = ("a", "b", "c")
JOINT = np.array([[0.42, 0.05, 0.04], [0.06, 0.20, 0.03], [0.04, 0.02, 0.14]])


@pytest.mark.parametrize(
    ("share", "n", "covered"),
    [(0.95, 30, 0.9392), (0.8, 100, 0.9405), (0.9, 1000, 0.9491), (0.99, 100, 0.9206)],
)
def test_wilson_covers_exactly_as_documented(share: float, n: int, covered: float) -> None:
    hits = np.arange(n + 1)
    held = [low <= share <= high for low, high, _ in (wilson(int(k), n) for k in hits)]
    assert binom.pmf(hits, n, share)[held].sum() == pytest.approx(covered, abs=5e-5)


def test_macro_f1_of_thirty_samples_is_covered_as_documented() -> None:
    rng = np.random.default_rng(7)
    hits = np.diag(JOINT)
    truth = np.mean(2 * hits / (JOINT.sum(axis=0) + JOINT.sum(axis=1)))
    suites = 500
    held = 0
    for seed in range(suites):
        drawn = rng.choice(9, size=30, p=JOINT.ravel())
        columns = Columns(
            predictions=[LABELS[k % 3] for k in drawn],
            targets=[(LABELS[k // 3],) for k in drawn],
            labels=LABELS,
        )
        score = macro_f1(columns, seed=seed)["macro_f1"]
        held += score.low <= truth <= score.high
    # 0.95 and three standard errors of 500 draws; BCa's 0.97 lies at the edge of that
    assert 0.92 <= held / suites <= 0.975
