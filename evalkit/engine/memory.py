"""Memory of the device: how much is free, and what to do when it runs out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from evalkit.engine.batching import split_in_half

if TYPE_CHECKING:
    import ctypes

    import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
CONTAINER = Path("/sys/fs/cgroup")
"""Where Linux keeps the limits of a container (cgroup version 2)."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Takes the place of a result when memory ran out. message: of the exception."""

    message: str


_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    # the libraries of CUDA allocate workspaces beside torch: a full card fails here first
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",
    "cusolver_status_alloc_failed",
    "cudnn_status_alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """True when an exception means that memory ran out, on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)


@dataclass(slots=True)
class MemoryLimits:
    """Limits learnt by running out of memory; kept as long as the model is loaded.

    max_weight: the largest batch worth trying; None until memory ran out. divisor: by how much the
    number of sequences that run at a time was reduced.
    """

    max_weight: int | None = None
    divisor: int = 1


class Backoff:
    """Computes batches, and splits them once memory has run out.

    weight: the quantity that memory grows with, such as rows times the longest row. limits: where
    the largest weight that fits is remembered.
    """

    def __init__(
        self, weight: Callable[[Sequence[int]], int], limits: MemoryLimits | None = None
    ) -> None:
        self._limits = limits or MemoryLimits()
        self._weight = weight

    def run(
        self, batch: Sequence[int], compute: Callable[[Sequence[int]], _Result]
    ) -> Iterator[tuple[list[int], _Result | OutOfMemory]]:
        """The parts of a batch with their results, in order.

        A single row that does not fit yields OutOfMemory instead of a result.
        """
        parts = [list(batch)]
        while parts:
            part = parts.pop(0)
            limit = self._limits.max_weight
            too_heavy = limit is not None and self._weight(part) > limit
            if too_heavy and len(part) > 1:
                parts[:0] = split_in_half(part)
                continue
            try:
                result: _Result | OutOfMemory = compute(part)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                result = OutOfMemory(str(error))
            # outside the handler: the traceback would keep the tensors alive
            if isinstance(result, OutOfMemory):
                release_memory()
                if len(part) > 1:
                    self._limits.max_weight = max(
                        self._weight(half) for half in split_in_half(part)
                    )
                    parts[:0] = split_in_half(part)
                    continue
            yield part, result


def retain_freed_memory(device: torch.device) -> None:
    """Keep main memory that a batch frees for the next one, until ``release_memory``.

    glibc returns large blocks to the system as soon as they are free, and the system fills each
    page with zeros when it hands it out again: a fifth of the time of short batches on a CPU.
    """
    libc = _glibc() if device.type == "cpu" else None
    if libc is not None:
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)


def release_memory() -> None:
    """Return unused memory to the device and to the system."""
    import gc
    import sys

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library if it is glibc, else None."""
    import ctypes
    import sys

    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None


def free_device_memory(device: torch.device) -> int | None:
    """Free bytes on a device of torch; None when that is unknown. Needs torch."""
    import torch

    if device.type == "cuda":
        # torch keeps what earlier batches freed; the driver counts it as used
        kept = int(torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if device.type == "cpu":
        return available_ram()
    return None


def available_ram() -> int | None:
    """Bytes of main memory that this process may still allocate, within its container's limit."""
    found = []
    if (stated := _read(Path("/proc/meminfo"))) is not None:
        match = re.search(r"^MemAvailable:\s*(\d+) kB", stated, re.M)
        found += [int(match.group(1)) * 1024] if match else []
    limit, used = (_read(CONTAINER / name) for name in ("memory.max", "memory.current"))
    if limit is not None and used is not None and limit.strip().isdigit():
        found.append(max(0, int(limit) - int(used)))
    return min(found, default=None)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return None
