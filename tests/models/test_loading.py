"""Checkpoints that load, and what the others say."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import ModelError
from evalkit.models.registry import resolve
from tests.models.test_transformers import Declare

pytest.importorskip("transformers")


def test_load_errors_are_explained(declare: Declare, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "no-such-architecture"}')
    model = resolve(declare("transformers", model=str(broken), device="cpu"))
    with pytest.raises(ModelError, match="cannot"):
        model.load()
    with pytest.raises(ModelError, match="absent"):
        resolve(declare("transformers", model="./absent/a/b")).load()
