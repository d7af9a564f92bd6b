"""Memory that runs out is remembered, and limits stay within what there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.engine import memory
from evalkit.engine.language_model import MIN_BATCH_TOKENS, BatchLimits
from evalkit.engine.memory import (
    Backoff,
    MemoryLimits,
    OutOfMemory,
    available_ram,
    free_device_memory,
    is_out_of_memory,
)


def test_out_of_memory_is_remembered() -> None:
    tried: list[int] = []

    def compute(part: object) -> int:
        size = len(part)  # type: ignore[arg-type]
        tried.append(size)
        if size > 3:
            raise RuntimeError("CUDA out of memory")
        return size

    backoff = Backoff(len)
    assert [p for p, _ in backoff.run(range(8), compute)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert tried == [8, 4, 2, 2, 2, 2]
    tried.clear()
    list(backoff.run(range(6), compute))
    assert tried == [2, 1, 2, 1], "sizes that failed are not tried again"


def test_reduced_limits_outlive_the_batch() -> None:
    def compute(part: object) -> int:
        if len(part) > 2:  # type: ignore[arg-type]
            raise MemoryError
        return 0

    limits = MemoryLimits()
    list(Backoff(len, limits).run(range(4), compute))
    assert limits.max_weight == 2
    assert [p for p, _ in Backoff(len, limits).run(range(4), compute)] == [[0, 1], [2, 3]]


@given(st.integers(0, 2**40), st.integers(1, 10**6), st.integers(1, 10**6))
def test_limits_stay_within_the_available_memory(free: int, per_token: int, cache: int) -> None:
    usual = BatchLimits(16384, 48)
    found = usual.within(free, per_token, cache)
    fits = (
        found.max_cached_tokens * cache <= free / 2 and found.batch_tokens * per_token <= free / 4
    )
    assert fits or found.batch_tokens <= MIN_BATCH_TOKENS
    assert usual.batch_tokens % found.batch_tokens == 0, "halved, so few sizes are possible"


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    there = available_ram()
    assert there is None or there > 10 * 2**20
    (tmp_path / "memory.max").write_text(str(9 * 2**20))
    (tmp_path / "memory.current").write_text(str(2 * 2**20))
    assert available_ram() == 7 * 2**20
    (tmp_path / "memory.max").write_text("max\n")
    assert available_ram() is None or available_ram() > 7 * 2**20


def test_a_sequence_that_does_not_fit_affects_no_other() -> None:
    def compute(part: list[int]) -> str:
        if 2 in part:
            raise MemoryError
        return "fine"

    found = {tuple(p): r for p, r in Backoff(len).run([0, 1, 2, 3], compute)}  # type: ignore[arg-type]
    assert isinstance(found.pop((2,)), OutOfMemory)
    assert set(found.values()) == {"fine"}
    assert sorted(i for part in found for i in part) == [0, 1, 3]


def test_other_errors_are_not_about_memory() -> None:
    assert is_out_of_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    )
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory is only a word here"))


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_a_full_card_is_recognised(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))
    assert not is_out_of_memory(ValueError(message)), "an error of other code"


def test_what_torch_keeps_of_a_card_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 80_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 70_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 30_000)
    assert free_device_memory(torch.device("cuda:0")) == 41_000
