from __future__ import annotations

import pytest
from scipy.stats import beta

from evalkit.metrics import compute

RANKED = [("Paris", "london"), ("a", "b", "dog"), ("x",), ()]
TARGETS = [["paris"], ["cat", " Dog "], ["y"], ["z"]]


def test_top_k_counts_the_first_k_ignoring_case() -> None:
    def value(metric: str, **settings: int) -> float:
        score = compute(metric, ["?"] * 4, TARGETS, ranked=RANKED, settings=settings)
        return score.value

    assert value("top1") == 1 / 4
    assert value("top5") == 2 / 4
    assert value("top_k_accuracy", k=2) == 1 / 4
    assert value("top_k_accuracy", k=3) == 2 / 4


def test_a_generated_answer_is_the_only_candidate() -> None:
    score = compute("top5", ["Paris", None, "rome"], ["paris", "oslo", "bern"])
    assert score.value == pytest.approx(1 / 3)
    exact = beta.ppf(0.05, 1, 3), beta.ppf(0.95, 2, 2)  # at 95 %: Wilson's bounds are inside
    assert (score.low, score.high) == pytest.approx(exact)
    assert score.note == "the model lists 1, not 5"
