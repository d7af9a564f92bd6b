"""How the tests of this folder declare a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.registry import Declared


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Declared]:
    """``declare(backend, option=value)``: a declaration in line 3 of an evalkit.yaml."""

    def make(backend: str, **options: Any) -> Declared:
        return Declared("mine", backend, options, "evalkit.yaml", 3, tmp_path)

    return make


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    """Tests that do not need the converted default model leave the user's cache alone."""
    if "smollm2" not in request.fixturenames:
        monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
