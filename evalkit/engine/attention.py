"""Attention over packed sequences: no padding enters the linear layers.

All tokens of a batch enter the model as one long row, each with its own position. Sequences are
laid side by side only inside attention, where they must not see each other. An *attention plan*
describes how. ``packed_forward`` passes it to the attention function that is registered with
transformers here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.engine.attention_kernels import CausalAttention, aligned, masked_attention
from evalkit.engine.fused_layers import FusedMLP
from evalkit.engine.language_model import LanguageModel

if TYPE_CHECKING:
    import torch

NAME = "evalkit_packed"
_current = threading.local()


class NotPackableError(Exception):
    """The model's attention does something that packed sequences cannot express."""


class AttentionPlan(Protocol):
    """How the tokens of one forward pass attend to each other and to cached keys and values.

    kind: of the pass, ``prefill`` or ``decoding``.
    """

    kind: str

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """The output of attention, shape (1, tokens, heads, d).

        q: shape (1, heads, tokens, d). k, v: shape (1, key-value heads, tokens, d).
        """
        ...


@dataclass(slots=True)
class PrefixKV:
    """Keys and values of a prefix that several sequences share.

    length: in tokens. keys, values: for each layer, shape (1, key-value heads, length, d).
    """

    length: int
    keys: list[torch.Tensor] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)

    def first(self, length: int) -> PrefixKV:
        """The first ``length`` tokens of it."""
        if length == self.length:
            return self
        keys, values = ([x[:, :, :length] for x in all_of] for all_of in (self.keys, self.values))
        return PrefixKV(length, keys, values)


class ContinuePlan:
    """Sequences that each continue a prefix of their own.

    Parameters
    ----------
    prefixes: of each sequence, in the order in which they are packed.
    lengths: tokens of each sequence after its prefix.
    store: called for each layer with keys and values of shape
        (sequences, key-value heads, longest prefix and tokens, d).
    """

    kind = "prefill"

    def __init__(
        self,
        prefixes: Sequence[PrefixKV],
        lengths: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
        store: Any,
    ) -> None:
        self._prefixes, self._lengths, self._store = prefixes, list(lengths), store
        self._longest = max(p.length + n for p, n in zip(prefixes, lengths, strict=True))
        self._causal = [
            CausalAttention(prefix.length, length, device, dtype)
            for prefix, length in zip(prefixes, lengths, strict=True)
        ]

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See ``AttentionPlan``."""
        import torch

        shape = (len(self._lengths), k.shape[1], self._longest, k.shape[3])
        all_keys, all_values = k.new_zeros(shape), v.new_zeros(shape)
        parts = zip(*(x.split(self._lengths, dim=2) for x in (q, k, v)), strict=True)
        outputs = []
        for i, (own_q, own_k, own_v) in enumerate(parts):
            prefix = self._prefixes[i]
            end = prefix.length + self._lengths[i]
            keys, values = all_keys[i : i + 1, :, :end], all_values[i : i + 1, :, :end]
            keys[:, :, : prefix.length], keys[:, :, prefix.length :] = prefix.keys[layer], own_k
            values[:, :, : prefix.length], values[:, :, prefix.length :] = (
                prefix.values[layer],
                own_v,
            )
            outputs.append(self._causal[i].attend(own_q, keys, values, scale).transpose(1, 2))
        self._store(layer, all_keys, all_values)
        return torch.cat(outputs, dim=1)


class PrefillPlan:
    """Whole sequences side by side, each after the same prefix or none.

    Parameters
    ----------
    lengths: tokens of each sequence, in the order in which they are packed.
    prefix: the prefix that all sequences continue.
    branches: for each sequence, (start, end, split) of token ranges that continue its tokens
        before ``split`` and do not see the sibling ranges in between.
    store: called for each layer with keys and values of shape
        (sequences, key-value heads, prefix + width, d).
    """

    kind = "prefill"

    def __init__(
        self,
        lengths: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
        *,
        prefix: PrefixKV | None = None,
        branches: Sequence[Sequence[tuple[int, int, int]]] = (),
        store: Any = None,
    ) -> None:
        import torch

        self.count, self.width = len(lengths), max(lengths)
        self.prefix, self.store = prefix, store
        before = prefix.length if prefix else 0
        self._gather: torch.Tensor | None = None
        self._scatter: torch.Tensor | None = None
        if self.count > 1:
            sizes = torch.tensor(lengths)
            starts = sizes.cumsum(0) - sizes
            columns = torch.arange(self.width)
            inside = columns < sizes[:, None]
            # padding repeats the sequence's first token; no real token attends to it
            self._gather = (starts[:, None] + columns * inside).reshape(-1).to(device)
            self._scatter = inside.reshape(-1).nonzero()[:, 0].to(device)
        self._groups = 1
        self._bias = self._branch_mask(before, branches, device, dtype) if any(branches) else None
        self._causal = CausalAttention(before, self.width, device, dtype)

    def _branch_mask(
        self,
        before: int,
        branches: Sequence[Sequence[tuple[int, int, int]]],
        device: torch.device,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        """The mask to add to attention scores, shape (sequences, 1, width, before + width)."""
        import torch

        see = torch.ones(self.width, self.width, dtype=torch.bool).tril()
        see = see.repeat(self.count, 1, 1)
        for index, ranges in enumerate(branches):
            for start, end, split in ranges:
                see[index, start:end, split:start] = False
        shape = self.count, 1, self.width, before + self.width
        bias = torch.zeros(shape, dtype=dtype, device=device)
        bias[:, 0, :, before:].masked_fill_(~see.to(device), torch.finfo(dtype).min)
        return aligned(bias)

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See ``AttentionPlan``."""
        import torch

        q, k, v = self._unpack(q), self._unpack(k), self._unpack(v)
        if self.prefix is not None:
            k = torch.cat([self.prefix.keys[layer].expand(self.count, -1, -1, -1), k], dim=2)
            v = torch.cat([self.prefix.values[layer].expand(self.count, -1, -1, -1), v], dim=2)
        if self.store is not None:
            self.store(layer, k, v)
        out = self._side_by_side(q, k, v, scale).transpose(1, 2)
        if self._scatter is None:
            return out
        return out.reshape(self.count * self.width, *out.shape[2:]).index_select(0, self._scatter)[
            None
        ]

    def _side_by_side(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention over sequences side by side: q and the output, (sequences, heads, width, d)."""
        if self._bias is None:
            return self._causal.attend(q, k, v, scale)
        groups = q.shape[1] // k.shape[1]
        if self._groups != groups:
            self._bias, self._groups = aligned(self._bias.repeat(1, 1, groups, 1)), groups
        return masked_attention(q, k, v, self._bias, scale)

    def _unpack(self, x: torch.Tensor) -> torch.Tensor:
        """(1, heads, tokens, d) → (sequences, heads, width, d)."""
        if self._gather is None:
            return x
        flat = x[0].transpose(0, 1).index_select(0, self._gather)
        return flat.view(self.count, self.width, *flat.shape[1:]).transpose(1, 2)


def packed_forward(
    lm: LanguageModel,
    ids: Sequence[int],
    positions: Sequence[int],
    plan: AttentionPlan,
    logit_positions: Sequence[int] | None = None,
) -> torch.Tensor:
    """Logits of packed tokens, shape (positions, vocabulary).

    logit_positions: the tokens whose logits are needed; None: every token.
    """
    import torch

    device = lm.device
    kept = None if logit_positions is None else torch.tensor(logit_positions, device=device)
    keep = {} if kept is None else {"logits_to_keep": kept}
    tokens = torch.tensor([list(ids), list(positions)], device=device)  # one transfer
    with (
        lm.forward_pass(plan.kind, len(ids)),
        packed_attention(lm, plan),
        _last_layer_only_at(lm, kept),
    ):
        output = lm.model(
            input_ids=tokens[:1],
            position_ids=tokens[1:],
            use_cache=False,
            **keep,
        )
    logits: torch.Tensor = output.logits[0]
    return logits


@contextmanager
def _last_layer_only_at(lm: LanguageModel, places: torch.Tensor | None) -> Iterator[None]:
    """Compute the last layer's feed-forward block only at ``places``: it is most of a layer."""
    block = getattr(lm.last_layer, "mlp", None)
    own = None if block is None else vars(block).get("forward")
    if places is None or block is None or not (own is None or isinstance(own, FusedMLP)):
        yield
        return
    usual = block.forward

    def forward(x: torch.Tensor) -> Any:
        found = usual(x[:, places])
        if isinstance(found, tuple):  # a mixture of experts that also returns its router's logits
            return usual(x)
        out = x.new_zeros(x.shape)
        out[:, places] = found
        return out

    block.forward = forward
    try:
        yield
    finally:
        if own is None:
            del block.forward
        else:
            block.forward = own


@contextmanager
def packed_attention(lm: LanguageModel, plan: AttentionPlan) -> Iterator[None]:
    """Make the model attend as ``plan`` describes inside the ``with`` block."""
    _register()
    config = lm.model.config
    usual = config._attn_implementation
    config._attn_implementation = NAME
    _current.plan, _current.context_length = plan, lm.context_length
    _current.activity, _current.layers = lm.activity, len(lm.layers) or 1
    try:
        with lm.gpu.fused.active():
            yield
    finally:
        _current.plan = None
        config._attn_implementation = usual


def _register() -> None:
    from transformers import AttentionInterface

    # transformers has no mask function under this name, so it builds no mask at all
    if NAME not in AttentionInterface._global_mapping:
        AttentionInterface.register(NAME, _attention)


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention function that transformers calls in every layer."""
    plan: AttentionPlan = _current.plan
    window = kwargs.get("sliding_window")
    if window is not None and (_current.context_length is None or window < _current.context_length):
        raise NotPackableError(f"it attends through a sliding window of {window} tokens")
    for name in ("softcap", "s_aux", "position_bias"):
        if kwargs.get(name) is not None:
            raise NotPackableError(f"its attention uses {name}")
    _current.activity.layers_done = module.layer_idx / _current.layers
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return plan.attend(module.layer_idx, query, key, value, scale), None
