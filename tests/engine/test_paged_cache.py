"""Blocks of a paged KV cache belong to one sequence at a time."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from evalkit.engine.paged_cache import BLOCK, PagedKVCache, blocks_for


def test_blocks_for_rounds_up() -> None:
    assert [blocks_for(n) for n in (1, BLOCK, BLOCK + 1)] == [1, 1, 2]


def test_slots_and_blocks_are_given_once_and_come_back() -> None:
    cache = PagedKVCache(6, 3, 4, torch.device("cpu"))
    slots = cache.take([BLOCK * 2, 1])
    assert (cache.free_slots, cache.free_blocks) == (1, 3)
    blocks = cache.tables[slots].flatten().tolist()
    used = [block for block in blocks if block]
    assert len(set(used)) == len(used) == 3
    cache.release(slots[0])
    again = cache.take([BLOCK * 4])
    assert 0 not in (*slots, *again)
    assert not set(cache.tables[again[0]].tolist()) & set(cache.tables[slots[1]].tolist()) - {0}
    cache.clear()
    assert (cache.free_slots, cache.free_blocks) == (3, 6)


def test_put_stores_each_token_in_its_sequences_block() -> None:
    cache = PagedKVCache(5, 2, 2, torch.device("cpu"))
    lengths = [BLOCK + 3, 2]
    slots = cache.take([BLOCK + 4, 2])
    k, v = torch.rand(2, 2, BLOCK + 3, 8), torch.rand(2, 2, BLOCK + 3, 8)
    cache.put(cache.places(slots, lengths, BLOCK + 3), 0, k, v)
    for stored, new in zip(cache.layer(0), (k, v), strict=True):
        for row, (slot, length) in enumerate(zip(slots, lengths, strict=True)):
            whole = torch.cat([stored[block] for block in cache.tables[slot].tolist()], 1)
            assert torch.equal(whole[:, :length], new[row, :, :length])
    assert not cache.layer(0)[0][0].any(), "block 0 belongs to no sequence"
