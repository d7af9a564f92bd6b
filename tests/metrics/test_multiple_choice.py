"""Scores of choices by their log-likelihoods, against the published definitions."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from evalkit.metrics.base import Columns, Score
from evalkit.metrics.run import run_metric


def score(name: str, table: Columns) -> Score:
    return run_metric(name, table)[name]


def test_probability_of_the_right_choices_worked_by_hand() -> None:
    table = Columns(
        predictions=["a", "x"],
        targets=[("a", "b"), ("y",)],
        choices=[("a", "b", "c"), ("x", "y")],
        choice_logprobs=[
            (math.log(0.05), math.log(0.01), math.log(0.02)),
            (math.log(0.3), math.log(0.1)),
        ],
    )
    found = score("target_probability", table)
    assert found.per_sample == pytest.approx([0.75, 0.25])
    assert (found.value, found.n) == (pytest.approx(0.5), 2)


def test_mc2_equals_the_published_formula() -> None:
    """Likelihoods of true over likelihoods of all answers, the true ones first (TruthfulQA)."""
    rng = random.Random(3)
    choices, logprobs, targets, expected = [], [], [], []
    for _ in range(40):
        n_true, n_false = rng.randint(1, 6), rng.randint(1, 6)
        values = [-rng.random() * 60 for _ in range(n_true + n_false)]
        p_true, p_false = np.exp(values[:n_true]), np.exp(values[n_true:])
        expected.append(p_true.sum() / (p_true.sum() + p_false.sum()))
        texts = [f"answer {i}" for i in range(len(values))]
        order = rng.sample(range(len(values)), len(values))
        choices.append(tuple(texts[i] for i in order))
        logprobs.append(tuple(values[i] for i in order))
        targets.append(tuple(texts[:n_true]))
    said = [texts[p.index(max(p))] for texts, p in zip(choices, logprobs, strict=True)]
    table = Columns(said, targets, choices=choices, choice_logprobs=logprobs)
    found = score("target_probability", table)
    assert found.per_sample == pytest.approx(expected)
    assert found.value == pytest.approx(np.mean(expected))


def test_very_unlikely_texts_do_not_vanish() -> None:
    table = Columns(["a"], [("a",)], choices=[("a", "b")], choice_logprobs=[(-2000.0, -2001.0)])
    found = score("target_probability", table)
    assert found.value == pytest.approx(1 / (1 + math.exp(-1)))


def test_a_sample_without_likelihoods_has_no_probability() -> None:
    table = Columns(
        ["a", None], [("a",), ("b",)], choices=[("a", "b")] * 2, choice_logprobs=[(0.0, 0.0), ()]
    )
    assert list(score("target_probability", table).per_sample) == [0.5, 0.0]


def test_any_of_several_right_choices_is_right() -> None:
    table = Columns(
        predictions=["b", "c"],
        targets=[("a", "b"), ("a", "b")],
        choices=[("a", "b", "c")] * 2,
        choice_logprobs=[(-3.0, -1.0, -2.0), (-3.0, -4.0, -2.0)],
    )
    assert list(score("accuracy", table).per_sample) == [1.0, 0.0]
    assert list(score("accuracy_norm", table).per_sample) == [1.0, 0.0]
