"""Prepacked copies of linear weights, in the layout of a CPU's matrix kernels (oneDNN).

A decoding step multiplies a small matrix with every weight. The usual product spends most of that
time converting the weights into this layout, in every step.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.engine.memory import free_device_memory

if TYPE_CHECKING:
    import torch

MAX_TOKENS = 128
"""The most tokens for which the prepacked product is faster."""


@dataclass(frozen=True, slots=True)
class _PrepackedLinear:
    """The ``forward`` of a linear layer that multiplies few tokens by prepacked weights."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    prepacked: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        if x.numel() > MAX_TOKENS * x.shape[-1] or x.dtype != torch.float32:
            return torch.nn.functional.linear(x, self.weight, self.bias)
        # the oneDNN operator that torch's own compiler calls
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self.prepacked, self.bias, "none", [], ""
        )
        return product


def prepack(model: Any) -> bool:
    """Prepack the linear layers of a model; True when they are prepacked.

    It applies to float32 on an x86 CPU, where it was measured, if the copy takes at most a quarter
    of the free memory. The weights must not change afterwards. Call it again to prepack layers
    that were added later.
    """
    import torch

    linears = [module for module in model.modules() if type(module) is torch.nn.Linear]
    usable = [module for module in linears if _usable(module)]
    todo = [
        module for module in usable if not isinstance(vars(module).get("forward"), _PrepackedLinear)
    ]
    if not todo:
        return bool(usable)
    size = sum(module.weight.numel() * module.weight.itemsize for module in todo)
    free = free_device_memory(todo[0].weight.device)
    if free is None or size > free // 4 or not _supported():
        return False
    with torch.no_grad():
        for module in todo:
            prepacked = torch.ops.mkldnn._reorder_linear_weight(
                module.weight.detach(), MAX_TOKENS // 2
            )
            module.forward = _PrepackedLinear(module.weight, module.bias, prepacked)
    return True


def _usable(module: Any) -> bool:
    import torch

    weight = module.weight
    plain = weight.device.type == "cpu" and weight.dtype == torch.float32
    # a layer whose forward was replaced by other code stays as it is
    own = vars(module).get("forward")
    return (
        plain
        and (own is None or isinstance(own, _PrepackedLinear))
        and not hasattr(module, "_hf_hook")
    )


def _supported() -> bool:
    import torch

    return (
        platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
