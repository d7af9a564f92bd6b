"""A paged KV cache: keys and values in blocks that any sequence can use.

Sequences of different lengths share one pool without padding, and one attention kernel reads them
all (Kwon et al. 2023, PagedAttention).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from evalkit.engine.attention import PrefixKV

BLOCK = 64
"""Tokens of a block."""


def blocks_for(tokens: int) -> int:
    """Blocks that hold so many tokens."""
    return -(-tokens // BLOCK)


class PagedKVCache:
    """Keys and values of up to ``slots`` sequences in ``blocks`` blocks.

    A sequence has a *slot*, a row of the block table. Slot 0 and block 0 belong to no sequence:
    the rows that fill up a batch read and write there. For each layer, keys and values have shape
    (blocks, key-value heads, BLOCK, d); they are allocated when the first ones are stored.

    width: blocks of the longest sequence.
    """

    def __init__(self, blocks: int, slots: int, width: int, device: torch.device) -> None:
        import torch

        self.blocks, self.slots, self.width = blocks, slots, width
        self.tables = torch.zeros(slots + 1, width, dtype=torch.int32, device=device)
        self._keys: dict[int, torch.Tensor] = {}
        self._values: dict[int, torch.Tensor] = {}
        self._of_slot: dict[int, list[int]] = {}
        self.clear()

    def clear(self) -> None:
        """Free every slot and block."""
        self._free_blocks = list(range(self.blocks, 0, -1))
        self._free_slots = list(range(self.slots, 0, -1))
        self._of_slot.clear()

    @property
    def free_slots(self) -> int:
        """Slots without a sequence."""
        return len(self._free_slots)

    @property
    def free_blocks(self) -> int:
        """Blocks without tokens."""
        return len(self._free_blocks)

    def take(self, lengths: Sequence[int]) -> list[int]:
        """A slot and blocks for each new sequence. lengths: the most tokens of each."""
        import torch

        slots = [self._free_slots.pop() for _ in lengths]
        rows = []
        for slot, length in zip(slots, lengths, strict=True):
            count = blocks_for(length)
            blocks = [self._free_blocks.pop() for _ in range(count)]
            self._of_slot[slot] = blocks
            rows.append([*blocks, *([0] * (self.width - count))])
        self.tables[torch.tensor(slots, device=self.tables.device)] = torch.tensor(
            rows, dtype=torch.int32, device=self.tables.device
        )
        return slots

    def release(self, slot: int) -> None:
        """Free the slot and the blocks of a sequence."""
        self._free_blocks.extend(reversed(self._of_slot.pop(slot)))
        self._free_slots.append(slot)

    def places(self, slots: Sequence[int], lengths: Sequence[int], width: int) -> CachePlaces:
        """Where the first ``lengths`` tokens of sequences laid out ``width`` apart are stored."""
        import torch

        sizes = torch.tensor(lengths)
        columns = torch.arange(width)
        inside = (columns < sizes[:, None]).reshape(-1)
        source = inside.nonzero()[:, 0].to(self.tables.device)
        slot = torch.tensor(slots, device=source.device)[source // width]
        token = source % width
        return CachePlaces(source, self.tables[slot, token // BLOCK].long(), token % BLOCK)

    def put(self, places: CachePlaces, layer: int, k: torch.Tensor, v: torch.Tensor) -> None:
        """Store prompts. k, v: shape (sequences, key-value heads, width, d)."""
        for stored, new in ((self._keys, k), (self._values, v)):
            if layer not in stored:
                shape = (self.blocks + 1, new.shape[1], BLOCK, new.shape[3])
                stored[layer] = new.new_zeros(shape)
            flat = new.transpose(1, 2).flatten(0, 1).index_select(0, places.source)
            stored[layer][places.block, :, places.offset] = flat

    def sequence(self, slot: int, length: int) -> PrefixKV:
        """A copy of the keys and values of the first tokens of a sequence."""
        import torch

        from evalkit.engine.attention import PrefixKV

        blocks = torch.tensor(self._of_slot[slot][: blocks_for(length)], device=self.tables.device)

        def copies(stored: dict[int, torch.Tensor]) -> list[torch.Tensor]:
            """Each of shape (1, key-value heads, length, d)."""
            own = (stored[layer].index_select(0, blocks) for layer in sorted(stored))
            return [part.transpose(0, 1).flatten(1, 2)[None, :, :length].clone() for part in own]

        return PrefixKV(length, copies(self._keys), copies(self._values))

    def layer(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer."""
        return self._keys[layer], self._values[layer]


class CachePlaces:
    """Places of tokens: in a padded batch (source), and their block and offset in the cache."""

    __slots__ = ("block", "offset", "source")

    def __init__(self, source: torch.Tensor, block: torch.Tensor, offset: torch.Tensor) -> None:
        self.source, self.block, self.offset = source, block, offset
