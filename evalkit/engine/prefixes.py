"""What prompts begin with in common: found from the token ids, so it works for any prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Node:
    """Tokens ``start`` to ``end`` that several prompts share.

    ids: those tokens. parent: the node that they continue (an index), None at the beginning.
    """

    ids: tuple[int, ...]
    start: int
    end: int
    parent: int | None


@dataclass(frozen=True, slots=True)
class Sharing:
    """nodes: parents before children. leaf: per prompt, the last node that it continues."""

    nodes: tuple[Node, ...]
    leaf: tuple[int | None, ...]


def find(
    prompts: Sequence[tuple[int, ...]], *, min_tokens: int = 16, min_saving: int = 64
) -> Sharing:
    """The shared beginnings that are worth computing once.

    A beginning counts when it adds at least ``min_tokens`` to the one before and saves at
    least ``min_saving`` tokens over all prompts. At least one token of every prompt stays
    its own, because the next token is read from it.
    """
    order = sorted(range(len(prompts)), key=prompts.__getitem__)
    common = [_common(prompts[a], prompts[b]) for a, b in pairwise(order)]
    nodes: list[Node] = []
    leaf: list[int | None] = [None] * len(prompts)
    # ranges of sorted prompts that agree on the first `depth` tokens, which `parent` ends with
    todo: list[tuple[int, int, int, int | None]] = [(0, len(order), 0, None)]
    while todo:
        low, high, depth, parent = todo.pop()
        if high - low < 2:
            continue
        shared = min(common[low : high - 1])
        gained = shared - depth
        if gained >= min_tokens and gained * (high - low - 1) >= min_saving:
            nodes.append(Node(prompts[order[low]][depth:shared], depth, shared, parent))
            parent, depth = len(nodes) - 1, shared
            for position in order[low:high]:
                leaf[position] = parent
        start = low
        for at in range(low, high - 1):
            if common[at] == shared:
                todo.append((start, at + 1, depth, parent))
                start = at + 1
        todo.append((start, high, depth, parent))
    return Sharing(tuple(nodes), tuple(leaf))


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many tokens at the start are equal, one of each prompt's own left out."""
    size = min(len(a), len(b)) - 1
    if a[:size] == b[:size]:
        return size
    # bisect on equality of slices, which compares at C speed
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low
