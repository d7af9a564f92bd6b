"""Checkpoints that can be loaded, and those that cannot."""

from __future__ import annotations

import pytest

from evalkit.errors import ModelError
from evalkit.models.registry import resolve

from .conftest import Declare, Make


def test_a_checkpoint_without_a_head_is_rejected(declare: Declare, checkpoint: Make) -> None:
    folder = checkpoint("BertForMaskedLM")
    model = resolve(declare("transformers", model=str(folder), head="sequence-classification"))
    with pytest.raises(ModelError, match="has no weights for a sequence-classification head"):
        model.load()
