"""Attention over sequences side by side, in the form that is fastest on a device.

Several query heads may share a key-value head; keys and values are not copied for them. ``groups``
is the number of query heads of one key-value head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

QUERY_BLOCK = 64
"""Tokens of a prompt that attend together on a CPU. A CPU kernel also computes what the mask hides,
so each block leaves out the tokens after it."""

ALIGNMENT = 8
"""Numbers that the memory-efficient kernel of CUDA reads at a time from a mask."""


class CausalAttention:
    """Causal attention: a token sees ``before`` shared tokens, then those of its own sequence.

    width: tokens of the longest sequence.
    """

    def __init__(self, before: int, width: int, device: torch.device, dtype: torch.dtype) -> None:
        self._before, self._width = before, width
        self._mask_free = device.type != "cpu" and not before
        self._step = QUERY_BLOCK if device.type == "cpu" and width > QUERY_BLOCK else width
        self._device, self._dtype = device, dtype
        self._bands: dict[tuple[int, int], torch.Tensor] = {}

    def attend(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """The output of attention, shape (sequences, heads, width, d).

        q: shape (sequences, heads, width, d). k, v: shape (sequences, key-value heads,
        before + width, d).
        """
        import torch

        groups = q.shape[1] // k.shape[1]
        if self._mask_free:
            # a float32 kernel that knows grouped queries would keep all scores in memory
            grouped = groups > 1 and q.dtype in (torch.float16, torch.bfloat16)
            if groups > 1 and not grouped:
                k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
            return torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=True, scale=scale, enable_gqa=grouped
            )
        found = []
        for start in range(0, self._width, self._step):
            end = min(start + self._step, self._width)
            seen = self._before + end
            mask = self._mask(end - start, seen, groups)[None, None]
            found.append(
                masked_attention(q[:, :, start:end], k[:, :, :seen], v[:, :, :seen], mask, scale)
            )
        return found[0] if len(found) == 1 else torch.cat(found, dim=2)

    def _mask(self, size: int, seen: int, groups: int) -> torch.Tensor:
        """The mask to add to the scores of ``size`` tokens, shape (groups · size, seen).

        seen: tokens that the last of them sees. The masks of all blocks are windows into one band,
        whose last columns hold what the tokens of a block hide from each other.
        """
        import torch

        longest = self._before + self._width
        if (size, groups) not in self._bands:
            hidden = torch.ones(size, longest, dtype=torch.bool, device=self._device)
            band = torch.zeros(size, longest, dtype=self._dtype, device=self._device)
            band.masked_fill_(hidden.triu(longest - size + 1), torch.finfo(self._dtype).min)
            self._bands[size, groups] = aligned(band.repeat(groups, 1))
        return self._bands[size, groups][:, longest - seen :]


def aligned(mask: torch.Tensor) -> torch.Tensor:
    """The mask itself on a CPU, else the same numbers in rows of a multiple of 8 numbers.

    The kernels of CUDA need such rows; torch copies other masks into them in every layer.
    """
    import torch

    size = mask.shape[-1]
    if mask.device.type == "cpu" or size % ALIGNMENT == 0:
        return mask
    return torch.nn.functional.pad(mask, (0, -size % ALIGNMENT))[..., :size]


def masked_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attention under a mask; the output has shape (sequences, heads, width, d).

    q: shape (sequences, heads, width, d). k, v: shape (sequences, key-value heads, length, d).
    mask: added to the scores, shape (sequences or 1, 1, groups · width or 1, length).
    """
    import torch

    count, heads, width, _ = q.shape
    # the query heads of a group become more queries of the same key-value head
    q = q.reshape(count, k.shape[1], heads // k.shape[1] * width, q.shape[-1])
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return out.reshape(count, heads, width, v.shape[-1])


def decode_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor,
    scale: float,
    shared: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Attention of one token per sequence to the sequence's cache and to a prefix shared by all.

    q: shape (sequences, heads, 1, d). k, v: shape (sequences, key-value heads, length, d). mask:
    added to the scores, shape (sequences, 1, 1, length). shared: keys and values of the prefix,
    shape (1, key-value heads, tokens, d), which are read once for all sequences. Returns shape
    (sequences, heads, 1, d).

    For a few queries two matrix products are faster than the fused kernel of a CPU. Use it with
    float32: scores are rounded to the precision of q.
    """
    import torch

    count, heads, _, size = q.shape
    key_heads = k.shape[1]
    q = q.reshape(count, key_heads, heads // key_heads, size) * scale
    scores = torch.matmul(q, k.transpose(2, 3)).add_(mask)
    if shared is None:
        return torch.matmul(scores.softmax(-1), v).reshape(count, heads, 1, v.shape[-1])
    keys, values = shared[0][0], shared[1][0]
    tokens = keys.shape[1]
    of_shared = torch.matmul(_head_first(q), keys.transpose(1, 2))
    weights = torch.cat([_sequence_first(of_shared, count), scores], -1).softmax(-1)
    out = torch.matmul(weights[..., tokens:], v)
    out += _sequence_first(torch.matmul(_head_first(weights[..., :tokens]), values), count)
    return out.reshape(count, heads, 1, v.shape[-1])


def _head_first(x: torch.Tensor) -> torch.Tensor:
    """(sequences, key-value heads, groups, n) → (key-value heads, sequences · groups, n)."""
    return x.transpose(0, 1).reshape(x.shape[1], -1, x.shape[3])


def _sequence_first(x: torch.Tensor, count: int) -> torch.Tensor:
    """(key-value heads, sequences · groups, n) → (sequences, key-value heads, groups, n)."""
    return x.view(x.shape[0], count, -1, x.shape[2]).transpose(0, 1)
