"""What identifies a model with a head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalkit.models.registry import resolve

from .conftest import Declare


def test_the_fingerprint_identifies_the_head(declare: Declare, three: Path) -> None:
    def fingerprint(**options: Any) -> Any:
        return resolve(declare("transformers", model=str(three), **options)).fingerprint()

    first = fingerprint()
    assert first["head"] == "sequence-classification"
    assert first == fingerprint(batch_rows=3)
    assert first != fingerprint(labels={"positive": "good"})
    assert first != fingerprint(dtype="bfloat16")
