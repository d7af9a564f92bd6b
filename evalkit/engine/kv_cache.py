"""The KV cache of running sequences, one slot per sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.engine.attention_kernels import aligned, decode_attention, masked_attention

if TYPE_CHECKING:
    import torch

    from evalkit.engine.attention import PrefixKV

GROW_BY = 64
"""Columns that are added when a sequence grows beyond the last one."""


class KVCache:
    """Keys and values of up to ``slots`` sequences; the slots in use are always the first ones.

    prefix: what all sequences begin with; it is stored once, not in each slot. lengths: tokens of
    each sequence in use, the prefix included. Keys and values of a sequence's own tokens are
    allocated when the first ones are stored, for each layer with shape
    (slots, key-value heads, columns, d), and grow with the longest sequence.
    """

    def __init__(self, slots: int, prefix: PrefixKV | None = None) -> None:
        self.slots, self.prefix = slots, prefix
        self.prefix_length = prefix.length if prefix else 0
        self.lengths: list[int] = []
        self.columns = 0
        self._keys: dict[int, torch.Tensor] = {}
        self._values: dict[int, torch.Tensor] = {}

    def reserve(self, tokens: int) -> None:
        """Make room for sequences of this many tokens, the prefix included."""
        if tokens - self.prefix_length <= self.columns:
            return
        self.columns = tokens - self.prefix_length + GROW_BY
        for stored in (self._keys, self._values):
            for layer, old in stored.items():
                new = old.new_zeros(*old.shape[:2], self.columns, old.shape[3])
                new[:, :, : old.shape[2]] = old
                stored[layer] = new

    def put(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> None:
        """Store new sequences after those in use.

        k, v: shape (new sequences, key-value heads, width, d), beginning with the prefix, which is
        not stored again. What lies beyond the length of a sequence is padding: it is overwritten
        or never read.
        """
        first = len(self.lengths)
        for stored, whole in ((self._keys, k), (self._values, v)):
            new = whole[:, :, self.prefix_length :]
            if layer not in stored:
                stored[layer] = new.new_zeros(self.slots, new.shape[1], self.columns, new.shape[3])
            stored[layer][first : first + new.shape[0], :, : new.shape[2]] = new

    def add(self, lengths: Sequence[int]) -> None:
        """Take the sequences just stored into use."""
        self.lengths.extend(lengths)

    def sequence(self, slot: int, length: int) -> PrefixKV:
        """A copy of the keys and values of the first tokens of a sequence, the prefix included."""
        import torch

        from evalkit.engine.attention import PrefixKV

        found = PrefixKV(length)
        own = length - self.prefix_length
        for layer in sorted(self._keys):
            for stored, copies, shared in (
                (self._keys, found.keys, self.prefix.keys if self.prefix else None),
                (self._values, found.values, self.prefix.values if self.prefix else None),
            ):
                part = stored[layer][slot : slot + 1, :, :own]
                whole = part.clone() if shared is None else torch.cat([shared[layer], part], dim=2)
                copies.append(whole)
        return found

    def remove(self, slot: int) -> None:
        """Free a slot; the last sequence in use moves there."""
        last = len(self.lengths) - 1
        if slot != last:
            size = self.lengths[last] - self.prefix_length
            for stored in (self._keys, self._values):
                for tensor in stored.values():
                    tensor[slot, :, :size] = tensor[last, :, :size]
            self.lengths[slot] = self.lengths[last]
        self.lengths.pop()

    def layer(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer: every slot and column."""
        return self._keys[layer], self._values[layer]


class DecodePlan:
    """One token of every sequence in several caches (see ``evalkit.engine.attention``).

    The sequences of each cache attend separately, so that short ones read no padding of long ones.
    """

    kind = "decoding"

    def __init__(self, caches: Sequence[KVCache], device: torch.device, dtype: torch.dtype) -> None:
        import torch

        ends = [length - cache.prefix_length for cache in caches for length in cache.lengths]
        # one transfer for all caches: each waits for the device
        parts = torch.tensor(ends, device=device).split([len(cache.lengths) for cache in caches])
        self._steps = [
            _CacheStep(cache, end, dtype) for cache, end in zip(caches, parts, strict=True)
        ]

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See ``AttentionPlan``."""
        import torch

        sizes = [step.size for step in self._steps]
        # (1, heads, tokens, d) → (sequences, heads, 1, d): each token is of another sequence
        parts = zip(
            *(x[0].transpose(0, 1)[:, :, None].split(sizes) for x in (q, k, v)), strict=True
        )
        outputs = [
            step.attend(layer, q, k, v, scale)
            for step, (q, k, v) in zip(self._steps, parts, strict=True)
        ]
        return torch.cat(outputs)[:, :, 0][None]


class _CacheStep:
    """One token of every sequence in use of one cache.

    ends: the column of the token of each sequence.
    """

    def __init__(self, cache: KVCache, ends: torch.Tensor, dtype: torch.dtype) -> None:
        import torch

        device = ends.device

        self.size = len(cache.lengths)
        self._cache = cache
        self._longest = max(cache.lengths) + 1 - cache.prefix_length
        cache.reserve(max(cache.lengths) + 1)
        self._slots = torch.arange(self.size, device=device)
        self._ends = ends
        seen = torch.arange(self._longest, device=device) <= self._ends[:, None]
        bias = torch.zeros(seen.shape, dtype=dtype, device=device)
        self._mask = aligned(bias.masked_fill_(~seen, torch.finfo(dtype).min))[:, None, None]
        self._two_products = cache.prefix is not None or (
            device.type == "cpu" and dtype == torch.float32
        )

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """The output of attention; it, q, k and v have shape (sequences, heads, 1, d)."""
        keys, values = self._cache.layer(layer)
        keys[self._slots, :, self._ends] = k[:, :, 0]
        values[self._slots, :, self._ends] = v[:, :, 0]
        keys = keys[: self.size, :, : self._longest]
        values = values[: self.size, :, : self._longest]
        if not self._two_products:
            return masked_attention(q, keys, values, self._mask, scale)
        prefix = self._cache.prefix
        shared = None if prefix is None else (prefix.keys[layer], prefix.values[layer])
        return decode_attention(q, keys, values, self._mask, scale, shared)
