"""Triton kernels for what a decoder layer does between its matrix products.

transformers computes each of these with several kernels that read and write every activation. The
kernels here round where transformers rounds, so that half precision gives the same values but for
the order of sums. Only a CUDA build of torch brings Triton.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

if TYPE_CHECKING:
    import torch

MAX_HIDDEN = 16384
"""The largest hidden size that one program of ``rms_norm`` holds."""

_ELEMENTS = 1024


@triton.jit
def _rms_norm(x, weight, out, eps, size, COLUMNS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, COLUMNS)
    inside = columns < size
    given = tl.load(x + row * size + columns, mask=inside, other=0.0)
    values = given.to(tl.float32)
    mean = tl.sum(values * values, 0) / size
    normed = (values * tl.rsqrt(mean + eps)).to(given.dtype)
    scale = tl.load(weight + columns, mask=inside, other=0.0)
    scaled = normed.to(tl.float32) * scale.to(tl.float32)
    tl.store(out + row * size + columns, scaled, mask=inside)


@triton.jit
def _silu_times(gate, up, out, size, gate_row, up_row, ELEMENTS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * ELEMENTS + tl.arange(0, ELEMENTS)
    inside = columns < size
    given = tl.load(gate + row * gate_row + columns, mask=inside, other=0.0)
    x = given.to(tl.float32)
    active = (x / (1.0 + tl.exp(-x))).to(given.dtype).to(tl.float32)
    times = tl.load(up + row * up_row + columns, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row * size + columns, active * times, mask=inside)


@triton.jit
def _rotate(
    x, out, cos, sin, x_head, x_token, out_head, out_token, HEADS: tl.constexpr,
    ROWS: tl.constexpr, HALF: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    heads = tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, COLUMNS)[None, :]
    inside = (heads < HEADS) & (columns < HALF)
    half = columns < HALF
    at = x + heads * x_head + token * x_token + columns
    low = tl.load(at, mask=inside, other=0.0)
    high = tl.load(at + HALF, mask=inside, other=0.0)
    angles = token * 2 * HALF + columns
    cos_low = tl.load(cos + angles, mask=half, other=0.0).to(tl.float32)
    cos_high = tl.load(cos + angles + HALF, mask=half, other=0.0).to(tl.float32)
    sin_low = tl.load(sin + angles, mask=half, other=0.0).to(tl.float32)
    sin_high = tl.load(sin + angles + HALF, mask=half, other=0.0).to(tl.float32)
    kind = low.dtype
    low, high = low.to(tl.float32), high.to(tl.float32)
    first = (low * cos_low).to(kind).to(tl.float32) - (high * sin_low).to(kind).to(tl.float32)
    second = (high * cos_high).to(kind).to(tl.float32) + (low * sin_high).to(kind).to(tl.float32)
    to = out + heads * out_head + token * out_token + columns
    tl.store(to, first, mask=inside)
    tl.store(to + HALF, second, mask=inside)


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Root mean square layer normalisation (Zhang and Sennrich 2019) over the last dimension."""
    import torch

    x = x.contiguous()
    out = torch.empty_like(x)
    size = x.shape[-1]
    columns = triton.next_power_of_2(size)
    warps = min(max(columns // 512, 1), 16)
    _rms_norm[(x.numel() // size,)](x, weight, out, eps, size, COLUMNS=columns, num_warps=warps)
    return out


def silu_times(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """silu(gate) · up, elementwise.

    gate, up: shape (…, n); they may be columns of a wider tensor.
    """
    import torch

    size = gate.shape[-1]
    rows_of_gate, rows_of_up = _rows(gate), _rows(up)
    out = torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)
    _silu_times[(gate.numel() // size, triton.cdiv(size, _ELEMENTS))](
        rows_of_gate, rows_of_up, out, size, rows_of_gate.stride(0), rows_of_up.stride(0),
        ELEMENTS=_ELEMENTS,
    )  # fmt: skip
    return out


def _rows(x: torch.Tensor) -> torch.Tensor:
    """Shape (rows, n), where the numbers of a row are side by side; a copy only if it must be."""
    flat = x.flatten(0, -2)
    return flat if flat.stride(-1) == 1 else flat.contiguous()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding (Su et al. 2021) as transformers' ``rotate_half`` computes it.

    x: shape (1, heads, tokens, d). cos, sin: shape (1, tokens, d).
    """
    import torch

    x = x if x.stride(-1) == 1 else x.contiguous()
    cos, sin = cos.contiguous(), sin.contiguous()
    heads, tokens, size = x.shape[1:]
    # the layout that the model's own code gives
    out = torch.empty(1, tokens, heads, size, dtype=x.dtype, device=x.device).transpose(1, 2)
    _rotate[(tokens,)](
        x, out, cos, sin, x.stride(1), x.stride(2), out.stride(1), out.stride(2),
        HEADS=heads, ROWS=triton.next_power_of_2(heads),
        HALF=size // 2, COLUMNS=triton.next_power_of_2(size // 2),
    )  # fmt: skip
    return out
