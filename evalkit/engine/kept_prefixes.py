"""Keys and values of finished sequences that a later call continues, as in a conversation.

The next turn of a conversation begins with the tokens of the one before and its answer. Keeping
their keys and values between two calls saves computing them again. Only in float32 and float64,
where answers do not depend on what was kept: a run that goes on after an interruption has nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evalkit.engine.prefix_tree import PrefixNode, PrefixTree

if TYPE_CHECKING:
    from evalkit.engine.attention import PrefixKV
    from evalkit.engine.sequence import SequenceState

Tokens = tuple[int, ...]
MIN_TOKENS = 16
"""The fewest tokens that a kept sequence must save."""


class KeptPrefixes:
    """Finished sequences by their tokens.

    A sequence is taken out by the call that continues it; one that the next call does not continue
    is dropped at its end.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._sorted: list[Tokens] = []
        self._kept: dict[Tokens, PrefixKV] = {}

    def keep(
        self, sequence: SequenceState, length: int, copied: Callable[[int], PrefixKV], most: int
    ) -> None:
        """Keep a finished sequence that a later call continues, up to ``most`` tokens in all.

        What is kept already stays: rounds come back to sequences in the same order, so that
        dropping the oldest would drop the one that is needed next.

        length: tokens with keys and values. copied: copies those of the first so many tokens.
        """
        if not sequence.done or sequence.error or not sequence.encoded.request.continued:
            return
        ids = (*sequence.encoded.prompt, *sequence.ids)[:length]
        if ids in self._kept or self.tokens + len(ids) > most:
            return
        insort(self._sorted, ids)
        self._kept[ids] = copied(len(ids))
        self.tokens += len(ids)

    def clear(self) -> None:
        """Drop everything."""
        self._drop(list(self._sorted))

    @contextmanager
    def one_call(self) -> Iterator[None]:
        """A call of the engine: what was kept before it and is still there then is dropped."""
        before = list(self._sorted)
        try:
            yield
        finally:
            self._drop(before)

    def extend(
        self, tree: PrefixTree, prompts: Sequence[Tokens], wanted: Sequence[int]
    ) -> tuple[PrefixTree, dict[int, PrefixKV]]:
        """The tree with a node for each wanted prompt that continues a kept sequence.

        Also returns the keys and values of such nodes, which are no longer kept here.

        prompts: those of the tree. wanted: their indices.
        """
        nodes, leaf = list(tree.nodes), list(tree.leaf)
        found: dict[int, PrefixKV] = {}
        used: dict[Tokens, None] = {}
        of_prefix: dict[tuple[Tokens, int], int] = {}
        for i in wanted if self._kept else ():
            parent = leaf[i]
            before = 0 if parent is None else nodes[parent].end
            kept, length = self._longest(prompts[i])
            if kept is None or length - before < MIN_TOKENS:
                continue
            used[kept] = None
            if (kept, length) not in of_prefix:
                of_prefix[kept, length] = len(nodes)
                found[len(nodes)] = self._kept[kept].first(length)
                nodes.append(PrefixNode(prompts[i][before:length], before, length, parent))
            leaf[i] = of_prefix[kept, length]
        self._drop(list(used))
        return PrefixTree(tuple(nodes), tuple(leaf)), found

    def _longest(self, prompt: Tokens) -> tuple[Tokens | None, int]:
        """The kept sequence with the longest common beginning, without the prompt's last token."""
        at = bisect_left(self._sorted, prompt)
        best: Tokens | None = None
        most = 0
        for near in self._sorted[max(0, at - 1) : at + 1]:
            size = min(len(near), len(prompt) - 1)
            same = next((k for k in range(size) if near[k] != prompt[k]), size)
            if same > most:
                best, most = near, same
        return best, most

    def _drop(self, every: Sequence[Tokens]) -> None:
        for ids in every:
            if self._kept.pop(ids, None) is not None:
                self.tokens -= len(ids)
        self._sorted = [ids for ids in self._sorted if ids in self._kept]
