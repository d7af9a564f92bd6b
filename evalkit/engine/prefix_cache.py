"""Keys and values of the prefixes that requests share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from evalkit.engine.attention import PrefillPlan, PrefixKV, packed_forward
from evalkit.engine.language_model import LanguageModel
from evalkit.engine.prefix_tree import PrefixTree

if TYPE_CHECKING:
    import torch


class PrefixCache:
    """Computes a shared prefix when it is first needed and drops it after its last use.

    uses: the node of every use to come; None for a use without a shared prefix. kept: keys and
    values of nodes that an earlier call computed.
    """

    def __init__(
        self,
        lm: LanguageModel,
        tree: PrefixTree,
        uses: Sequence[int | None],
        kept: Mapping[int, PrefixKV] | None = None,
    ) -> None:
        self._lm = lm
        self._nodes = tree.nodes
        self._cached: dict[int, PrefixKV] = {}
        self._uses_left = [0] * len(tree.nodes)
        for node in uses:
            for ancestor in self._path(node):
                self._uses_left[ancestor] += 1
                if node is not None and kept and node in kept and ancestor not in self._cached:
                    self._cached[ancestor] = kept[node].first(self._nodes[ancestor].end)
        self._kept = frozenset(kept or ())

    def get(self, node: int | None) -> PrefixKV | None:
        """Keys and values of a prefix, those of its parents included; None for no prefix."""
        if node is None:
            return None
        if node not in self._cached:
            self._cached[node] = self._prefill(node, self.get(self._nodes[node].parent))
        return self._cached[node]

    def release(self, node: int | None) -> None:
        """End one of the uses of a prefix."""
        for ancestor in self._path(node):
            self._uses_left[ancestor] -= 1
            if not self._uses_left[ancestor]:
                self._cached.pop(ancestor, None)

    def is_kept(self, node: int | None) -> bool:
        """Whether an earlier call computed the prefix, so that it belongs to few sequences."""
        return node in self._kept

    def parent(self, node: int) -> int | None:
        """The node that this one continues."""
        return self._nodes[node].parent

    def length(self, node: int) -> int:
        """Tokens of a prefix, those of its parents included."""
        return self._nodes[node].end

    def _path(self, node: int | None) -> Iterator[int]:
        while node is not None:
            yield node
            node = self._nodes[node].parent

    def _prefill(self, index: int, parent: PrefixKV | None) -> PrefixKV:
        import torch

        lm, node = self._lm, self._nodes[index]
        prefix = PrefixKV(node.end)

        def store(layer: int, k: torch.Tensor, v: torch.Tensor) -> None:
            prefix.keys.append(_own(k))
            prefix.values.append(_own(v))

        plan = PrefillPlan([len(node.ids)], lm.device, lm.dtype, prefix=parent, store=store)
        with torch.inference_mode():
            last = len(node.ids) - 1
            packed_forward(lm, node.ids, range(node.start, node.end), plan, logit_positions=[last])
        return prefix


def _own(x: torch.Tensor) -> torch.Tensor:
    """The tensor, or a copy if it is part of a larger one that would stay in memory with it."""
    return x.clone() if x.untyped_storage().nbytes() > x.nbytes else x
