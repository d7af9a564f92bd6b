from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.engine import memory
from evalkit.engine.batching import make_batches, split_in_half
from evalkit.engine.language_model import MIN_BATCH_TOKENS, BatchLimits
from evalkit.engine.memory import (
    Backoff,
    MemoryLimits,
    OutOfMemory,
    available_ram,
    is_out_of_memory,
)
from evalkit.engine.prefix_tree import build_prefix_tree

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


def test_out_of_memory_is_remembered() -> None:
    tried: list[int] = []

    def compute(part: object) -> int:
        size = len(part)  # type: ignore[arg-type]
        tried.append(size)
        if size > 3:
            raise RuntimeError("CUDA out of memory")
        return size

    backoff = Backoff(len)
    assert [p for p, _ in backoff.run(range(8), compute)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert tried == [8, 4, 2, 2, 2, 2]
    tried.clear()
    list(backoff.run(range(6), compute))
    assert tried == [2, 1, 2, 1], "sizes that failed are not tried again"


def test_reduced_limits_outlive_the_batch() -> None:
    def compute(part: object) -> int:
        if len(part) > 2:  # type: ignore[arg-type]
            raise MemoryError
        return 0

    limits = MemoryLimits()
    list(Backoff(len, limits).run(range(4), compute))
    assert limits.max_weight == 2
    assert [p for p, _ in Backoff(len, limits).run(range(4), compute)] == [[0, 1], [2, 3]]


@given(st.integers(0, 2**40), st.integers(1, 10**6), st.integers(1, 10**6))
def test_limits_stay_within_the_available_memory(free: int, per_token: int, cache: int) -> None:
    usual = BatchLimits(16384, 48)
    found = usual.within(free, per_token, cache)
    fits = (
        found.max_cached_tokens * cache <= free / 2 and found.batch_tokens * per_token <= free / 4
    )
    assert fits or found.batch_tokens <= MIN_BATCH_TOKENS
    assert usual.batch_tokens % found.batch_tokens == 0, "halved, so few sizes are possible"


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    there = available_ram()
    assert there is None or there > 10 * 2**20
    (tmp_path / "memory.max").write_text(str(9 * 2**20))
    (tmp_path / "memory.current").write_text(str(2 * 2**20))
    assert available_ram() == 7 * 2**20
    (tmp_path / "memory.max").write_text("max\n")
    assert available_ram() is None or available_ram() > 7 * 2**20


def test_a_sequence_that_does_not_fit_affects_no_other() -> None:
    def compute(part: list[int]) -> str:
        if 2 in part:
            raise MemoryError
        return "fine"

    found = {tuple(p): r for p, r in Backoff(len).run([0, 1, 2, 3], compute)}  # type: ignore[arg-type]
    assert isinstance(found.pop((2,)), OutOfMemory)
    assert set(found.values()) == {"fine"}
    assert sorted(i for part in found for i in part) == [0, 1, 3]


def test_other_errors_are_not_about_memory() -> None:
    assert is_out_of_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    )
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory is only a word here"))


PROMPTS = st.lists(
    st.builds(
        lambda head, tail: tuple([1] * head + tail),
        st.integers(0, 40),
        st.lists(st.integers(1, 3), min_size=1, max_size=30),
    ),
    max_size=25,
)


@given(PROMPTS, st.integers(1, 12), st.integers(1, 60))
def test_shared_prefixes_are_correct_and_long_enough(
    prompts: list[tuple[int, ...]], min_tokens: int, min_saving: int
) -> None:
    tree = build_prefix_tree(prompts, min_tokens=min_tokens, min_saving=min_saving)
    users = [0] * len(tree.nodes)
    for prompt, leaf in zip(prompts, tree.leaf, strict=True):
        if leaf is not None:
            assert tree.nodes[leaf].end < len(prompt)
        node = leaf
        while node is not None:
            found = tree.nodes[node]
            assert prompt[found.start : found.end] == found.ids
            assert found.parent is None or found.parent < node
            assert found.start == (0 if found.parent is None else tree.nodes[found.parent].end)
            users[node] += 1
            node = found.parent
    for node, count in zip(tree.nodes, users, strict=True):
        assert len(node.ids) >= min_tokens
        assert len(node.ids) * (count - 1) >= min_saving


def test_prefixes_nest() -> None:
    system, first, second = tuple(range(100, 130)), tuple(range(200, 240)), tuple(range(300, 340))
    prompts = [
        (*system, *first, 1),
        (*system, *second, 2),
        (*system, *first, 3),
        (*system, *second, 4),
        (*system, 5),
    ]
    tree = build_prefix_tree(prompts, min_tokens=16, min_saving=30)
    spans = {(n.start, n.end, n.ids[0]) for n in tree.nodes}
    assert spans == {(0, 30, 100), (30, 70, 200), (30, 70, 300)}
    assert tree.leaf[0] == tree.leaf[2] != tree.leaf[1] == tree.leaf[3]
    assert tree.leaf[4] == 0


def test_identical_prompts_keep_their_last_token() -> None:
    prompts = [tuple(range(50))] * 3
    tree = build_prefix_tree(prompts)
    assert [n.end for n in tree.nodes] == [49]
    assert tree.leaf == (0, 0, 0)
