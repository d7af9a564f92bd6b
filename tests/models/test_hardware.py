from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.errors import ModelError
from evalkit.models import hardware


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    caches = (
        hardware.has_cuda,
        hardware.has_mps,
        hardware.cuda_capability,
        hardware.cpu_flags,
    )
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def machine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    cuda: bool = False,
    mps: bool = False,
    capability: tuple[int, int] = (0, 0),
    flags: str = "",
) -> None:
    monkeypatch.setattr(hardware, "has_cuda", lambda: cuda)
    monkeypatch.setattr(hardware, "has_mps", lambda: mps)
    monkeypatch.setattr(hardware, "cuda_capability", lambda index=0: capability)
    monkeypatch.setattr(hardware, "cpu_flags", lambda: frozenset(flags.split()))


def test_auto_is_cuda_then_mps_then_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, cuda=True, mps=True)
    assert hardware.choose_device() == "cuda"
    machine(monkeypatch, mps=True)
    assert hardware.choose_device() == "mps"
    machine(monkeypatch)
    assert hardware.choose_device() == "cpu"
    with pytest.raises(ModelError, match=r"'cuda:1' is not available \(available: auto, cpu\)"):
        hardware.choose_device("cuda:1")


@pytest.mark.parametrize(
    ("stored", "device", "capability", "flags", "expected"),
    [
        ("bfloat16", "cpu", (0, 0), "avx2 fma", "float32"),
        ("bfloat16", "cpu", (0, 0), "avx512f amx_bf16", "bfloat16"),
        ("float16", "cpu", (0, 0), "avx512_bf16", "float32"),
        ("float32", "cpu", (0, 0), "amx_bf16", "float32"),
        (None, "cpu", (0, 0), "avx2", "float32"),
        (None, "cuda", (9, 0), "", "bfloat16"),
        ("bfloat16", "cuda", (9, 0), "", "bfloat16"),
        ("torch.bfloat16", "cuda:1", (8, 0), "", "bfloat16"),
        ("bfloat16", "cuda", (7, 5), "", "float16"),
        ("float16", "cuda", (9, 0), "", "float16"),
        ("float32", "cuda", (9, 0), "", "float32"),
        ("bfloat16", "mps", (0, 0), "", "bfloat16"),
    ],
)
def test_auto_precision(
    monkeypatch: pytest.MonkeyPatch,
    stored: str | None,
    device: str,
    capability: tuple[int, int],
    flags: str,
    expected: str,
) -> None:
    machine(monkeypatch, cuda=True, capability=capability, flags=flags)
    assert hardware.choose_dtype("auto", stored, device) == expected
    assert hardware.choose_dtype("float16", stored, device) == "float16"


def test_torch_build_matches_torch() -> None:
    torch = pytest.importorskip("torch")
    assert hardware.torch_build("cuda") == torch.version.cuda
    assert hardware.torch_build("hip") == torch.version.hip


def test_hidden_devices_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "torch_build", lambda kind: "12.8")
    monkeypatch.setattr(hardware, "_devices", lambda: [Path("/dev/nvidia0")])
    assert hardware.has_cuda()
    hardware.has_cuda.cache_clear()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not hardware.has_cuda()


def test_capability_is_that_of_the_visible_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\ncase "$2" in 3) echo 9.0;; *) echo 7.5;; esac\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,0")
    assert hardware.cuda_capability(0) == (9, 0)
    assert hardware.cuda_capability(1) == (7, 5)


def test_without_nvidia_smi_torch_states_the_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(hardware, "_ask_gpu", lambda what, index: None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    assert hardware.choose_dtype("auto", "bfloat16", "cuda") == "bfloat16"

    def broken(index: int) -> tuple[int, int]:
        raise RuntimeError("the driver is too old")

    monkeypatch.setattr(torch.cuda, "get_device_capability", broken)
    hardware.cuda_capability.cache_clear()
    assert hardware.cuda_capability(0) == (0, 0)


@pytest.mark.parametrize(
    ("stated", "found"), [("81000 MiB", 81000 * 2**20), ("[N/A]", None), (None, None)]
)
def test_free_memory_of_a_card(
    monkeypatch: pytest.MonkeyPatch, stated: str | None, found: int | None
) -> None:
    monkeypatch.setattr(hardware, "_ask_gpu", lambda what, index: stated)
    assert hardware.free_memory("cuda") == found
