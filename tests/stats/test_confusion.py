"""Intervals of scores that are made of confusion counts."""

from __future__ import annotations

import numpy as np

from evalkit.stats.confusion import counts_interval, grouped_interval


def accuracy(tables: np.ndarray) -> np.ndarray:
    return np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2))


def test_the_interval_contains_the_value_and_shrinks_with_samples() -> None:
    few = counts_interval(np.array([[8, 2], [3, 7]]), accuracy)
    many = counts_interval(np.array([[800, 200], [300, 700]]), accuracy)
    assert few.low < 0.75 < few.high
    assert many.low < 0.75 < many.high
    assert many.high - many.low < (few.high - few.low) / 5
    assert few.method == "posterior"


def test_a_perfect_table_is_not_certain_at_its_lower_end_alone() -> None:
    interval = counts_interval(np.array([[10, 0], [0, 10]]), accuracy)
    assert 0.7 < interval.low < 0.98
    assert interval.high == 1


def test_the_seed_decides_the_draws() -> None:
    counts = np.array([[8, 2], [3, 7]])
    assert counts_interval(counts, accuracy) == counts_interval(counts, accuracy)
    assert counts_interval(counts, accuracy, seed=1) != counts_interval(counts, accuracy)


def test_units_that_repeat_an_answer_count_once() -> None:
    kinds = np.array([0, 0, 1, 3, 3, 2, 0, 3] * 5)
    alone = grouped_interval(kinds, (2, 2), accuracy, list(range(40)))
    fivefold = grouped_interval(
        np.repeat(kinds, 5), (2, 2), accuracy, list(np.repeat(range(40), 5))
    )
    assert np.allclose((alone.low, alone.high), (fivefold.low, fivefold.high), atol=0.02)


def test_without_samples_or_with_one_unit_there_is_no_interval() -> None:
    assert np.isnan(counts_interval(np.zeros((2, 2)), accuracy).low)
    assert np.isnan(grouped_interval(np.array([0, 3]), (2, 2), accuracy, ["a", "a"]).low)
