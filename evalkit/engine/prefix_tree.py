"""The tree of prefixes that prompts share. It is built from token ids, so it fits any prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class PrefixNode:
    """The tokens from ``start`` to ``end``, which several prompts share.

    ids: those tokens. parent: the index of the node that they continue; None at the beginning.
    """

    ids: tuple[int, ...]
    start: int
    end: int
    parent: int | None


@dataclass(frozen=True, slots=True)
class PrefixTree:
    """The shared prefixes of some prompts.

    nodes: parents come before children. leaf: for each prompt, the node of its longest shared
    prefix; None for a prompt without one.
    """

    nodes: tuple[PrefixNode, ...]
    leaf: tuple[int | None, ...]


def build_prefix_tree(
    prompts: Sequence[tuple[int, ...]], *, min_tokens: int = 16, min_saving: int = 64
) -> PrefixTree:
    """The shared prefixes that are worth computing once.

    A prefix counts when it adds at least ``min_tokens`` to its parent and saves at least
    ``min_saving`` tokens over all prompts. At least one token of every prompt is not shared,
    because the next token is predicted from it.
    """
    order = sorted(range(len(prompts)), key=prompts.__getitem__)
    common = [_common(prompts[a], prompts[b]) for a, b in pairwise(order)]
    nodes: list[PrefixNode] = []
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
            nodes.append(PrefixNode(prompts[order[low]][depth:shared], depth, shared, parent))
            parent, depth = len(nodes) - 1, shared
            for position in order[low:high]:
                leaf[position] = parent
        start = low
        for at in range(low, high - 1):
            if common[at] == shared:
                todo.append((start, at + 1, depth, parent))
                start = at + 1
        todo.append((start, high, depth, parent))
    return PrefixTree(tuple(nodes), tuple(leaf))


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many tokens at the start are equal, without the last token of either prompt."""
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
