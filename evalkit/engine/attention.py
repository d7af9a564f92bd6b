"""Attention over packed rows: no padding enters the linear layers.

All tokens of a batch enter the model as one long row, each with its own position. Only
inside attention, where rows must not see each other, are they laid side by side. A *plan*
says how; it reaches the attention function, which transformers calls by the name registered
here, through ``forward``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.engine.language_model import LanguageModel

if TYPE_CHECKING:
    import torch

NAME = "evalkit_packed"
_current = threading.local()


class NotPackableError(Exception):
    """This model's attention does something that packed rows cannot express."""


class Plan(Protocol):
    """How the tokens of one forward attend to each other and to what was computed before."""

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """From q (1, heads, tokens, d) and k, v (1, key-value heads, tokens, d) the outcome of
        attention, (1, tokens, heads, d)."""
        ...


@dataclass(slots=True)
class Prefix:
    """Keys and values of tokens that several rows share.

    length: tokens. keys, values: per layer (1, key-value heads, length, d).
    """

    length: int
    keys: list[torch.Tensor] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)


class Segments:
    """Whole rows side by side, each after the same prefix (or none).

    Parameters
    ----------
    lengths: tokens of each row, in the order in which they are packed.
    prefix: what all rows continue.
    branches: per row, (start, end, split) of token ranges inside the row that continue the
        row's tokens before ``split`` but do not see the range's siblings between.
    store: called per layer with keys and values (rows, key-value heads, prefix + width, d).
    """

    def __init__(
        self,
        lengths: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
        *,
        prefix: Prefix | None = None,
        branches: Sequence[Sequence[tuple[int, int, int]]] = (),
        store: Any = None,
    ) -> None:
        import torch

        self.rows, self.width = len(lengths), max(lengths)
        self.prefix, self.store = prefix, store
        before = prefix.length if prefix else 0
        self._gather: torch.Tensor | None = None
        self._scatter: torch.Tensor | None = None
        if self.rows > 1:
            sizes = torch.tensor(lengths)
            starts = sizes.cumsum(0) - sizes
            columns = torch.arange(self.width)
            inside = columns < sizes[:, None]
            # padding repeats the row's first token; nothing real ever looks at it
            self._gather = (starts[:, None] + columns * inside).reshape(-1).to(device)
            self._scatter = inside.reshape(-1).nonzero()[:, 0].to(device)
        self._groups = 1
        self._mask = self._bias(before, branches, device, dtype)

    def _bias(
        self,
        before: int,
        branches: Sequence[Sequence[tuple[int, int, int]]],
        device: torch.device,
        dtype: torch.dtype,
    ) -> torch.Tensor | None:
        """What is added to the scores, (rows or 1, 1, width, before + width); None: causal."""
        import torch

        branched = any(branches)
        if not branched and not before:
            return None
        see = torch.ones(self.width, self.width, dtype=torch.bool).tril()
        see = see.repeat(self.rows if branched else 1, 1, 1)
        for row, ranges in enumerate(branches):
            for start, end, split in ranges:
                see[row, start:end, split:start] = False
        bias = torch.zeros(see.shape[0], 1, self.width, before + self.width, dtype=dtype)
        bias[:, 0, :, before:].masked_fill_(~see, torch.finfo(dtype).min)
        return bias.to(device)

    def attend(
        self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See Plan."""
        import torch

        q, k, v = self._spread(q), self._spread(k), self._spread(v)
        if self.prefix is not None:
            k = torch.cat([self.prefix.keys[layer].expand(self.rows, -1, -1, -1), k], dim=2)
            v = torch.cat([self.prefix.values[layer].expand(self.rows, -1, -1, -1), v], dim=2)
        if self.store is not None:
            self.store(layer, k, v)
        groups = q.shape[1] // k.shape[1]
        if self._mask is not None and self._groups != groups:
            self._mask, self._groups = self._mask.repeat(1, 1, groups, 1), groups
        out = grouped_attention(q, k, v, self._mask, scale).transpose(1, 2)
        if self._scatter is None:
            return out
        return out.reshape(self.rows * self.width, *out.shape[2:]).index_select(0, self._scatter)[
            None
        ]

    def _spread(self, x: torch.Tensor) -> torch.Tensor:
        """(1, heads, tokens, d) → (rows, heads, width, d)."""
        if self._gather is None:
            return x
        flat = x[0].transpose(0, 1).index_select(0, self._gather)
        return flat.view(self.rows, self.width, *flat.shape[1:]).transpose(1, 2)


def grouped_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """Attention where several query heads share a key-value head, without copying keys.

    q: (rows, heads, width, d), k, v: (rows, key-value heads, length, d), mask: None for
    causal, else added to the scores: (rows or 1, 1, groups · width or 1, length), where groups
    is heads over key-value heads. Returns (rows, heads, width, d).
    """
    import torch

    attention = torch.nn.functional.scaled_dot_product_attention
    rows, heads, width, _ = q.shape
    groups = heads // k.shape[1]
    if mask is None:
        if groups > 1:
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        return attention(q, k, v, is_causal=True, scale=scale)
    if groups > 1:
        # the query heads of a group become more queries of the same key-value head
        q = q.reshape(rows, k.shape[1], groups * width, q.shape[-1])
    out = attention(q, k, v, attn_mask=mask, scale=scale)
    return out.reshape(rows, heads, width, v.shape[-1])


def forward(
    lm: LanguageModel,
    ids: Sequence[int],
    positions: Sequence[int],
    plan: Plan,
    read: Sequence[int] | None = None,
) -> torch.Tensor:
    """Logits (tokens read, vocabulary) of packed tokens; ``read`` None: of every token."""
    import torch

    device = lm.device
    keep = {} if read is None else {"logits_to_keep": torch.tensor(read, device=device)}
    with packed_attention(lm, plan):
        output = lm.model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=torch.tensor([positions], device=device),
            use_cache=False,
            **keep,
        )
    logits: torch.Tensor = output.logits[0]
    return logits


@contextmanager
def packed_attention(lm: LanguageModel, plan: Plan) -> Iterator[None]:
    """The model attends as ``plan`` says, for a while."""
    _register()
    config = lm.model.config
    usual = config._attn_implementation
    config._attn_implementation = NAME
    _current.plan, _current.reach = plan, lm.context_length
    try:
        yield
    finally:
        _current.plan = None
        config._attn_implementation = usual


def _register() -> None:
    from transformers import AttentionInterface

    # a name that no mask function knows: transformers then makes no mask at all
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
    """What transformers calls in every layer."""
    plan: Plan = _current.plan
    window = kwargs.get("sliding_window")
    if window is not None and (_current.reach is None or window < _current.reach):
        raise NotPackableError(f"it attends through a sliding window of {window} tokens")
    for name in ("softcap", "s_aux", "position_bias"):
        if kwargs.get(name) is not None:
            raise NotPackableError(f"its attention uses {name}")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return plan.attend(module.layer_idx, query, key, value, scale), None
