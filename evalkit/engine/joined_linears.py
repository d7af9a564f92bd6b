"""Linear layers that read the same input, computed as one matrix product on a GPU.

Query, key and value projections, and the two of a gated feed-forward block, are a few products of
which some are too small to use the whole device. One product over all of their rows reads the
weights at nearly the device's bandwidth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TOGETHER = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Names of layers that may read the same input, in the order in which they are called."""


@dataclass(slots=True)
class _Product:
    """One product for several layers. rest: the outputs not taken yet; of: their input."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    sizes: list[int]
    rest: list[torch.Tensor]
    of: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class JoinedLinear:
    """The ``forward`` of one of the layers; the first computes the outputs of all."""

    product: _Product
    index: int
    weight: torch.Tensor
    bias: torch.Tensor | None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import linear

        product = self.product
        if self.index == 0:
            out = linear(x, product.weight, product.bias)
            first, *product.rest = out.split(product.sizes, dim=-1)
            product.of = x
            return first
        place = len(product.sizes) - self.index
        if product.of is not x or len(product.rest) != place:
            return linear(x, self.weight, self.bias)
        found = product.rest.pop(0)
        if not product.rest:
            product.of = None
        return found


def joined_linears(model: Any) -> Iterator[list[tuple[Any, JoinedLinear]]]:
    """For each group of layers, the layers and what replaces their ``forward``.

    The weights of a group become views of one tensor, so that they are held once. Only for models
    whose weights nobody else changes.
    """
    import torch

    with torch.no_grad():
        for module in model.modules():
            children = dict(module.named_children())
            for names in TOGETHER:
                layers: list[Any] = [children.get(name) for name in names]
                if all(map(_usable, layers)) and len({layer.in_features for layer in layers}) == 1:
                    yield _joined(layers)


def _usable(layer: Any) -> bool:
    import torch

    return (
        type(layer) is torch.nn.Linear
        and "forward" not in vars(layer)
        and not hasattr(layer, "_hf_hook")
    )


def _joined(layers: Sequence[Any]) -> list[tuple[Any, JoinedLinear]]:
    import torch

    weight = _one_tensor([layer.weight for layer in layers])
    biases = [layer.bias for layer in layers]
    sizes = [layer.out_features for layer in layers]
    bias = None
    if any(b is not None for b in biases):
        parts = zip(biases, sizes, strict=True)
        bias = torch.cat([weight.new_zeros(n) if b is None else b for b, n in parts])
    product = _Product(weight, bias, sizes, [])
    return [
        (layer, JoinedLinear(product, index, layer.weight, layer.bias))
        for index, layer in enumerate(layers)
    ]


def _one_tensor(weights: Sequence[Any]) -> torch.Tensor:
    """The rows of all weights in one tensor, of which the weights are views afterwards."""
    import torch

    first = weights[0].data
    rows = sum(len(weight) for weight in weights)
    if _adjacent(weights):
        # another model with the same weights has joined them
        return first.as_strided((rows, first.shape[1]), first.stride())
    together = torch.cat([weight.data for weight in weights])
    start = 0
    for weight in weights:
        weight.data = together[start : start + len(weight)]
        start += len(weight)
    return together


def _adjacent(weights: Sequence[Any]) -> bool:
    """True if each weight begins where the one before ends."""
    place = weights[0].data_ptr()
    storage = weights[0].untyped_storage().data_ptr()
    for weight in weights:
        inside = weight.untyped_storage().data_ptr() == storage and weight.is_contiguous()
        if weight.data_ptr() != place or not inside:
            return False
        place += weight.numel() * weight.itemsize
    return True
