"""What rare labels, rare entities and few questions can show: never a false pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from evalkit import Run, evaluate
from evalkit.metrics import compute
from evalkit.metrics.base import Score

RARE = ["a"] * 95 + ["b"] * 5
LABELS = ["a", "b"]


def one(name: str, said: list[str], wanted: list[str], **more: Any) -> Score:
    metric, _, key = name.partition("[")
    made = compute(metric, said, wanted, **more)
    score = made[name] if key and isinstance(made, dict) else made
    assert isinstance(score, Score)
    return score


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("f1[b]", 0.8),
        ("recall[b]", 0.57),
        ("macro_f1", 0.9),
        ("macro_recall", 0.85),
        ("balanced_accuracy", 0.85),
        ("mcc", 0.8),
        ("cohen_kappa", 0.8),
    ],
)
def test_five_right_of_a_rare_label_do_not_mean_certainty(name: str, most: float) -> None:
    """95 of a, 5 of b, all right: of b's recall no more is known than 0.48 or 0.57 at least."""
    score = one(name, RARE, RARE, labels=LABELS)
    assert score.value == 1
    assert score.high == 1
    assert score.low < most


def test_a_rare_label_that_is_always_missed_has_an_upper_bound() -> None:
    said = ["a"] * 100
    score = one("f1[b]", said, RARE, labels=LABELS)
    assert score.value == 0
    assert score.high > 0.3
    positive = one("f1[negative]", ["positive"] * 63, ["positive"] * 60 + ["negative"] * 3,
                   labels=["positive", "negative"])  # fmt: skip
    assert positive.high > 0.3


def test_a_label_without_samples_keeps_the_average_open() -> None:
    said = ["a"] * 60
    score = one("balanced_accuracy", said, said, labels=LABELS)
    assert score.value == 1
    assert score.low < 0.6, "half of it is b's recall, and no sample is b"


@pytest.mark.parametrize(("positives", "most"), [(2, 0.35), (5, 0.57), (20, 0.9)])
def test_an_area_is_limited_by_the_smaller_class(positives: int, most: float) -> None:
    n = 100
    targets = ["b"] * positives + ["a"] * (n - positives)
    p = np.where(np.arange(n) < positives, 0.9, 0.1) + np.linspace(0, 0.05, n)
    table = np.column_stack([1 - p, p])
    score = one("auroc", targets, targets, labels=LABELS, probabilities=table)
    assert score.value == 1
    assert score.low < most
    assert score.low == pytest.approx(beta.ppf(0.025, positives, 1), abs=0.02)


def test_entities_count_rather_than_texts() -> None:
    gold = ["B-LOC O"] * 8 + ["O B-PER"] * 192
    score = one("entity_recall[LOC]", gold, gold, labels=["LOC", "PER"])
    assert score.value == 1
    assert score.low == pytest.approx(beta.ppf(0.025, 8, 1), abs=0.005)
    missed = one("entity_recall[LOC]", ["O O"] * 8 + gold[8:], gold, labels=["LOC", "PER"])
    assert missed.value == 0
    assert missed.high == pytest.approx(beta.ppf(0.975, 1, 8), abs=0.005)


def test_two_or_three_samples_pass_few_gates() -> None:
    assert one("token_f1", ["a b"] * 3, ["a b", "a b", "c"], confidence=0.995).low < 0.2
    assert one("bleu", ["a b c d e"] * 2, ["a b c d e"] * 2).low < 20


def test_log_loss_includes_the_worst_possible_loss() -> None:
    table = np.full((20, 2), 0.02)
    table[:, 0] = 0.98
    score = one("log_loss", ["a"] * 20, ["a"] * 20, labels=LABELS, probabilities=table)
    assert score.value == pytest.approx(-np.log(0.98))
    assert score.high > 0.5, "one more answer, wrong, would cost 3.9"


def answer(prompt: str | list[dict[str, str]], repeat: int = 0, seed: int = 0) -> str:
    return (prompt if isinstance(prompt, str) else prompt[-1]["content"])[-1]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def run(gates: list[str], **data: Any) -> Run:
        declared = {
            "suite": "s",
            "task": "classification",
            "labels": LABELS,
            "data": {"rows": [{"q": f"{i} {label}", "gold": label, "doc": i // 2}
                              for i, label in enumerate("aabab")], "target": "gold", **data},
            "prompts": {"p": "{{ q }}"},
            "answer": "text",
            "metrics": ["recall", "balanced_accuracy", "micro_f1", "macro_f1", "accuracy"],
            "gates": gates,
        }  # fmt: skip
        declared |= {} if data else {"repeats": 3, "generation": {"temperature": 1.0}}
        return evaluate(declared, {"m": answer}, root=tmp_path)

    return run


GATED = ("recall[a]", "balanced_accuracy", "micro_f1", "macro_f1")
GATES = [f"{score} >= 0.99 at 95%" for score in GATED]


@pytest.mark.parametrize("data", [{}, {"cluster": "doc"}], ids=["repeats", "clusters"])
def test_few_questions_have_a_wide_interval_despite_repeats(
    run: Callable[..., Run], data: dict[str, Any]
) -> None:
    (cell,) = run(GATES, **data).record.cells
    assert [gate.verdict for gate in cell.gates] == ["inconclusive"] * len(GATES)
    for name in (*GATED, "accuracy"):
        score = cell.scores[name]
        assert score.value == 1
        assert score.low is not None
        assert score.low < 0.75, name
