"""The device and precision of a model, chosen without importing torch.

The choice is part of a model's fingerprint. A run whose answers are all cached needs it without
waiting seconds for torch.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evalkit.engine.memory import available_ram
from evalkit.errors import ModelError

DTYPES = ("float32", "bfloat16", "float16")


def choose_device(wanted: str = "auto") -> str:
    """``cpu``, ``cuda``, ``cuda:N`` or ``mps``. ``auto`` is CUDA, then MPS, then CPU.

    Raises ModelError if the wanted device is not available.
    """
    if wanted == "auto":
        return "cuda" if has_cuda() else "mps" if has_mps() else "cpu"
    kind = wanted.partition(":")[0]
    there = {"cpu": True, "cuda": has_cuda(), "mps": has_mps()}
    if not there.get(kind, False):
        usable = ", ".join(name for name, found in there.items() if found)
        raise ModelError(f"device '{wanted}' is not available (available: auto, {usable})")
    return wanted


def choose_dtype(wanted: str, stored: str | None, device: str) -> str:
    """The precision to compute in: the wanted one, or for ``auto`` that of the checkpoint.

    stored: the dtype of the stored weights; None if they are quantised (GGUF). ``auto`` selects
    half precision only if the device is fast at it: a CPU without bfloat16 instructions is several
    times faster in float32, which is also more exact.
    """
    if wanted != "auto":
        return wanted
    stored = (stored or "bfloat16").removeprefix("torch.")
    if stored not in ("bfloat16", "float16"):
        return "float32"
    kind = device.partition(":")[0]
    if kind == "mps" or (kind == "cuda" and stored == "float16"):
        return stored
    if fast_bfloat16(device):
        return "bfloat16" if stored == "bfloat16" else "float32"
    return "float16" if kind == "cuda" else "float32"


def fast_bfloat16(device: str) -> bool:
    """True if the device multiplies bfloat16 matrices at least as fast as float32 ones."""
    kind, _, index = device.partition(":")
    if kind == "cuda":
        return cuda_capability(int(index or 0)) >= (8, 0)
    if kind == "cpu":
        return bool(cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"})
    return kind == "mps"


@lru_cache
def has_cuda() -> bool:
    """True if the installed torch was built for CUDA and a device is visible."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    return torch_build("cuda") is not None and bool(_devices())


@lru_cache
def has_mps() -> bool:
    """True on Apple silicon with torch installed."""
    on_apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return on_apple and importlib.util.find_spec("torch") is not None


def torch_build(kind: str) -> str | None:
    """The version of ``cuda`` that torch was built for, from its version file, or None."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        return None
    file = Path(spec.origin).with_name("version.py")
    if not file.is_file():
        return None
    match = re.search(rf"^{kind}\b[^=]*=\s*'([^']+)'", file.read_text(encoding="utf-8"), re.M)
    return match.group(1) if match else None


@lru_cache
def cuda_capability(index: int = 0) -> tuple[int, int]:
    """The compute capability of a visible CUDA device; (0, 0) if it is unknown."""
    output = _ask_gpu("compute_cap", index)
    if match := re.fullmatch(r"(\d+)\.(\d+)", output or ""):
        return int(match.group(1)), int(match.group(2))
    # containers often lack nvidia-smi; importing torch takes seconds, and loading needs it anyway
    with suppress(Exception):  # the driver may fail in many ways, and loading then reports it
        import torch

        major, minor = torch.cuda.get_device_capability(index)
        return int(major), int(minor)
    return 0, 0


@lru_cache
def cpu_flags() -> frozenset[str]:
    """The instruction set flags of the CPU on Linux; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    match = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.M)
    return frozenset(match.group(1).split()) if match else frozenset()


def library_versions(*names: str) -> dict[str, str | None]:
    """Installed versions by distribution name; None for a package that is not installed."""

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    return {name: installed(name) for name in names}


def _devices() -> list[Path]:
    # WSL shows its GPU as /dev/dxg
    found = list(Path("/dev").glob("nvidia[0-9]*")) if Path("/dev").is_dir() else []
    wsl = Path("/dev/dxg")
    return [*found, wsl] if wsl.exists() else found


def free_memory(device: str) -> int | None:
    """Free bytes on a device, without torch; None if that is unknown."""
    kind, _, index = device.partition(":")
    if kind == "cuda":
        # a part of a card (MIG) reports "[N/A]"
        match = re.match(r"(\d+) MiB", _ask_gpu("memory.free", int(index or 0)) or "")
        return int(match.group(1)) * 1024**2 if match else None
    return available_ram()


def _ask_gpu(what: str, index: int) -> str | None:
    """A property of a visible CUDA device, from ``nvidia-smi``."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [v.strip() for v in visible.split(",") if v.strip()]
    chosen = names[index] if index < len(names) else str(index)
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "-i", chosen, f"--query-gpu={what}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else None
