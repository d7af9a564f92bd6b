from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.engine.batching import make_batches, split_in_half

LENGTHS = st.lists(st.integers(1, 300), max_size=60)


@given(LENGTHS, st.integers(1, 900), st.integers(1, 12))
def test_every_sequence_runs_once_within_the_budget_longest_first(
    lengths: list[int], budget: int, rows: int
) -> None:
    found = make_batches(lengths, budget, rows)
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) <= rows
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= budget
    flat = [lengths[i] for batch in found for i in batch]
    assert flat == sorted(flat, reverse=True)


def test_the_possible_growth_of_a_sequence_counts() -> None:
    assert make_batches([10, 10, 10, 10], 40, 9) == [[0, 1, 2, 3]]
    assert make_batches([10, 10, 10, 10], 40, 9, extra=[10, 10, 10, 10]) == [[0, 1], [2, 3]]


def test_halves_keep_the_longer_sequences_first() -> None:
    assert split_in_half([4, 1, 2]) == ([4, 1], [2])
    assert split_in_half([4]) == ([4], [])
