"""Triton kernels of decoding with a paged KV cache. Only a CUDA build of torch brings Triton.

A *block* holds the keys or values of ``BLOCK`` consecutive tokens of one sequence; a block table
names the blocks of each sequence in order (Kwon et al. 2023, PagedAttention, section 4.1). The
tokens of a long sequence are shared out among several programs, whose results are combined
(Dao et al. 2023, Flash-Decoding), so that few sequences use the whole device too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

if TYPE_CHECKING:
    import torch

MIN_QUERIES = 16
"""The fewest rows of Triton's matrix product. Query heads of one key-value head fill them."""


@triton.jit
def _store(
    k, v, keys, values, tables, slots, lengths, table_width, k_head, k_token, v_head, v_token,
    HEADS: tl.constexpr, SIZE: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):  # fmt: skip
    """Store one token's keys and values behind those of its sequence."""
    row = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + row)
    slot = tl.load(slots + row)
    block = tl.load(tables + slot * table_width + length // BLOCK).to(tl.int64)
    heads = tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, COLUMNS)[None, :]
    inside = (heads < HEADS) & (columns < SIZE)
    to = ((block * HEADS + heads) * BLOCK + length % BLOCK) * SIZE + columns
    tl.store(keys + to, tl.load(k + heads * k_head + row * k_token + columns, mask=inside), inside)
    tl.store(
        values + to, tl.load(v + heads * v_head + row * v_token + columns, mask=inside), inside
    )


@triton.jit
def _attend(
    q, keys, values, tables, slots, lengths, out, scores, scale, table_width, q_head, q_token,
    HEADS: tl.constexpr, GROUPS: tl.constexpr, SIZE: tl.constexpr, BLOCK: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    """Attention of one token of a sequence, for the query heads of one key-value head, to one of
    ``SPLITS`` parts of the sequence."""
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    split = tl.program_id(2)
    length = tl.load(lengths + row) + 1
    slot = tl.load(slots + row)
    blocks = tl.cdiv(length, BLOCK)
    each = tl.cdiv(blocks, SPLITS)
    first = split * each
    last = tl.minimum(first + each, blocks)

    rows = tl.arange(0, ROWS)
    columns = tl.arange(0, COLUMNS)
    tokens = tl.arange(0, BLOCK)
    queried = (rows[:, None] < GROUPS) & (columns[None, :] < SIZE)
    places = (head * GROUPS + rows[:, None]) * q_head + row * q_token + columns[None, :]
    query = tl.load(q + places, mask=queried, other=0.0)

    highest = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    found = tl.zeros([ROWS, COLUMNS], tl.float32)
    for index in range(first, last):
        block = tl.load(tables + slot * table_width + index).to(tl.int64)
        start = (block * HEADS + head) * BLOCK * SIZE
        seen = index * BLOCK + tokens < length
        stored = seen[:, None] & (columns[None, :] < SIZE)
        where = start + tokens[:, None] * SIZE + columns[None, :]
        key = tl.load(keys + where, mask=stored, other=0.0)
        value = tl.load(values + where, mask=stored, other=0.0)
        score = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
        score = tl.where(seen[None, :], score, float("-inf"))
        higher = tl.maximum(highest, tl.max(score, 1))
        faded = tl.exp(highest - higher)
        weight = tl.exp(score - higher[:, None])
        total = total * faded + tl.sum(weight, 1)
        found = found * faded[:, None]
        found += tl.dot(weight.to(value.dtype), value, input_precision="ieee")
        highest = higher

    to = ((row * HEADS + head) * GROUPS + rows) * SPLITS + split
    if SPLITS == 1:
        found = found / total[:, None]
        tl.store(out + to[:, None] * SIZE + columns[None, :], found, mask=queried)
    else:
        # a part without tokens has no weight
        found = tl.where(total[:, None] > 0, found / total[:, None], 0.0)
        weight = tl.where(total > 0, highest + tl.log(total), float("-inf"))
        tl.store(out + to[:, None] * SIZE + columns[None, :], found, mask=queried)
        tl.store(scores + to, weight, mask=rows < GROUPS)


@triton.jit
def _combine(
    parts, scores, out, SIZE: tl.constexpr, COLUMNS: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    """The attention of one query head from that to each part of its sequence."""
    head = tl.program_id(0).to(tl.int64)
    split = tl.arange(0, SPLITS)
    columns = tl.arange(0, COLUMNS)
    score = tl.load(scores + head * SPLITS + split)
    weight = tl.exp(score - tl.max(score, 0))
    weight = weight / tl.sum(weight, 0)
    inside = (split[:, None] >= 0) & (columns[None, :] < SIZE)
    where = (head * SPLITS + split[:, None]) * SIZE + columns[None, :]
    part = tl.load(parts + where, mask=inside, other=0.0)
    tl.store(out + head * SIZE + columns, tl.sum(part * weight[:, None], 0), mask=columns < SIZE)


def store_and_attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    tables: torch.Tensor,
    slots: torch.Tensor,
    lengths: torch.Tensor,
    scale: float,
    splits: int,
) -> torch.Tensor:
    """Store one token of each sequence, and attend to the sequence up to it.

    q: shape (1, heads, sequences, d). k, v: shape (1, key-value heads, sequences, d). keys, values:
    shape (blocks, key-value heads, BLOCK, d). tables: shape (slots, blocks of a sequence). slots,
    lengths: for each sequence, its row in ``tables`` and its tokens before this one. splits: among
    how many programs a sequence is shared out; a power of two. Returns shape
    (1, sequences, heads, d).
    """
    import torch

    heads, count, size = q.shape[1:]
    key_heads, block = keys.shape[1:3]
    groups = heads // key_heads
    columns = triton.next_power_of_2(size)
    q, k, v = (x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v))
    _store[(count,)](
        k, v, keys, values, tables, slots, lengths, tables.shape[1],
        k.stride(1), k.stride(2), v.stride(1), v.stride(2),
        HEADS=key_heads, SIZE=size, BLOCK=block,
        ROWS=triton.next_power_of_2(key_heads), COLUMNS=columns,
    )  # fmt: skip
    out = q.new_empty(1, count, heads, size)
    parts, scores = out, out
    if splits > 1:
        parts = torch.empty(count, heads, splits, size, dtype=torch.float32, device=q.device)
        scores = torch.empty(count, heads, splits, dtype=torch.float32, device=q.device)
    _attend[(count, key_heads, splits)](
        q, keys, values, tables, slots, lengths, parts, scores, scale, tables.shape[1],
        q.stride(1), q.stride(2),
        HEADS=key_heads, GROUPS=groups, SIZE=size, BLOCK=block,
        ROWS=max(MIN_QUERIES, triton.next_power_of_2(groups)), COLUMNS=columns, SPLITS=splits,
    )  # fmt: skip
    if splits > 1:
        _combine[(count * heads,)](parts, scores, out, SIZE=size, COLUMNS=columns, SPLITS=splits)
    return out
