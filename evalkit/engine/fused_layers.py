"""Parts of a decoder layer computed by one kernel each on a GPU.

A part is replaced only if its kernel gives the values of the model's own code in a trial, so a
model whose code means something else by the same name keeps its own.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evalkit.engine.joined_linears import joined_linears
from evalkit.engine.memory import release_memory

if TYPE_CHECKING:
    import torch

_state = threading.local()
ROTARY = "apply_rotary_pos_emb"
"""The name under which transformers' modelling code finds its rotary embedding."""


@dataclass(frozen=True, slots=True)
class FusedMLP:
    """The ``forward`` of a gated feed-forward block."""

    block: Any
    silu_times: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.block.down_proj(
            self.silu_times(self.block.gate_proj(x), self.block.up_proj(x))
        )
        return found


@dataclass(frozen=True, slots=True)
class FusedNorm:
    """The ``forward`` of an RMS normalisation."""

    norm: Any
    rms_norm: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if x.dtype != self.norm.weight.dtype:
            usual: torch.Tensor = type(self.norm).forward(self.norm, x)
            return usual
        return self.rms_norm(x, self.norm.weight, float(self.norm.variance_epsilon))


@dataclass(frozen=True, slots=True)
class FusedLayers:
    """The replaced parts of a model.

    forwards: modules and what replaces their ``forward``. rotary: replaces the rotary embedding;
    None when it stays.
    """

    forwards: list[tuple[Any, Any]] = field(default_factory=list)
    rotary: Callable[..., Any] | None = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """The parts are replaced inside the ``with`` block, for calls of this thread."""
        for module, forward in self.forwards:
            vars(module)["forward"] = forward
        _state.rotary = self.rotary
        try:
            yield
        finally:
            _state.rotary = None
            for module, _ in self.forwards:
                vars(module).pop("forward", None)


def fused_layers(model: Any, kernels: Any, *, join: bool = False) -> FusedLayers:
    """The parts of a model that kernels can replace.

    kernels: ``evalkit.engine.fused_kernels``, or an object with its functions. join: whether linear
    layers may share one weight (see ``evalkit.engine.joined_linears``).
    """
    import torch

    joined: list[tuple[Any, Any]] = []
    if join:
        joined = [pair for group in joined_linears(model) for pair in group]
        release_memory()  # of the weights before they were joined
    forwards: list[tuple[Any, Any]] = []
    verdicts: dict[tuple[Any, ...], bool] = {}
    with torch.inference_mode():
        for module in model.modules():
            made = _replacement(module, kernels)
            if made is None or "forward" in vars(module) or hasattr(module, "_hf_hook"):
                continue
            key = (type(module), *(tuple(p.shape) for p in module.parameters()))
            if key not in verdicts:
                verdicts[key] = _same(module, made)
            if verdicts[key]:
                forwards.append((module, made))
        return FusedLayers([*joined, *forwards], _rotary(model, kernels))


def _replacement(module: Any, kernels: Any) -> Any:
    """What could replace a module's ``forward``; None for other modules."""
    import torch

    children = dict(module.named_children())
    if "RMSNorm" in type(module).__name__ and not children:
        weight: Any = getattr(module, "weight", None)
        plain = isinstance(weight, torch.Tensor) and weight.dim() == 1
        if plain and hasattr(module, "variance_epsilon") and weight.numel() <= kernels.MAX_HIDDEN:
            return FusedNorm(module, kernels.rms_norm)
    gated = {"gate_proj", "up_proj", "down_proj"} <= children.keys() and len(children) <= 4
    if gated and "silu" in type(getattr(module, "act_fn", None)).__name__.lower():
        return FusedMLP(module, kernels.silu_times)
    return None


def _same(module: Any, made: Any) -> bool:
    """True if a replacement gives a module's own values for random activations."""
    weight = next(module.parameters())
    size = weight.shape[-1]
    x = _random((1, 5, size), weight)
    try:
        return _close(made(x), module(x))
    except Exception:  # the module's own code may raise anything here
        return False


def _rotary(model: Any, kernels: Any) -> Callable[..., Any] | None:
    """The rotary embedding of a model's attention; None when kernels cannot replace it."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    first: Any = next(iter(getattr(decoder, "layers", None) or ()), None)
    attention = getattr(first, "self_attn", None)
    home = sys.modules.get(type(attention).__module__)
    usual = getattr(home, ROTARY, None)
    size = getattr(attention, "head_dim", None)
    if usual is None or not isinstance(size, int) or size % 2:
        return None
    usual = getattr(usual, "usual", usual)
    weight = next(model.parameters())
    q, k = (_random((1, 7, heads, size), weight).transpose(1, 2) for heads in (4, 2))
    cos, sin = (_random((1, 7, size), weight) for _ in "cs")

    def fused(*arguments: Any, **named: Any) -> Any:
        if len(arguments) != 4 or named or arguments[2].shape != (1, *arguments[0].shape[2:]):
            return usual(*arguments, **named)
        q, k, cos, sin = arguments
        end = q.data_ptr() + q.shape[1] * q.stride(1) * q.itemsize
        if q.stride() == k.stride() and k.data_ptr() == end:
            # parts of one product (see ``joined_linears``)
            heads = q.shape[1] + k.shape[1]
            both = q.as_strided((1, heads, *q.shape[2:]), q.stride())
            rotated = kernels.rotate(both, cos, sin)
            return rotated[:, : q.shape[1]], rotated[:, q.shape[1] :]
        return kernels.rotate(q, cos, sin), kernels.rotate(k, cos, sin)

    try:
        same = all(map(_close, fused(q, k, cos, sin), usual(q, k, cos, sin)))
    except Exception:  # the model's own code may raise anything here
        return None
    if not same:
        return None
    if not hasattr(getattr(home, ROTARY), "usual"):
        setattr(home, ROTARY, _switched(usual))
    return fused


def _switched(usual: Any) -> Any:
    """transformers' function, or inside ``FusedLayers.active`` what replaces it."""

    def rotary(*arguments: Any, **named: Any) -> Any:
        return (getattr(_state, "rotary", None) or usual)(*arguments, **named)

    rotary.usual = usual  # type: ignore[attr-defined]
    return rotary


def _random(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Numbers that do not depend on, or change, torch's random state."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator).to(like.device, like.dtype)


def _close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """True if values differ by no more than a few roundings."""
    import torch

    largest = float(expected.abs().max())
    difference = float((found.float() - expected.float()).abs().max())
    rounding = 4 * float(torch.finfo(found.dtype).eps) * largest
    return bool(found.shape == expected.shape and difference <= rounding)
