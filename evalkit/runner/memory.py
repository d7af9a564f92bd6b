"""How much memory a model took at most, in this process and on its GPUs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any


class Peaks:
    """Measures from its creation on. The system keeps one peak per process, which describes a model
    only if it rises while that model works."""

    def __init__(self) -> None:
        self._before = _resident()
        for device, torch in _devices():
            torch.cuda.reset_peak_memory_stats(device)

    def found(self) -> dict[str, int]:
        """Bytes: ``process``, resident with everything else in it, left out where it was more
        before; ``cuda``, allocated over all devices, left out without any."""
        resident = _resident()
        allocated = sum(torch.cuda.max_memory_allocated(device) for device, torch in _devices())
        found = {"process": resident if resident > self._before else 0, "cuda": allocated}
        return {name: size for name, size in found.items() if size}


def _resident() -> int:
    """Peak resident memory in bytes; 0 where the system does not report it."""
    # On Linux getrusage counts what the program that started this one had taken.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _devices() -> list[tuple[int, Any]]:
    """CUDA devices, with torch, where a model has used them; torch is not imported for this."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [(device, torch) for device in range(torch.cuda.device_count())]
