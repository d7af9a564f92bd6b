"""Options of a model with a head."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import SpecError
from evalkit.models.registry import resolve

from .conftest import Declare


def test_misspelt_heads_and_options_are_errors(declare: Declare, three: Path) -> None:
    with pytest.raises(SpecError, match="did you mean 'fill-mask'"):
        resolve(declare("transformers", model=str(three), head="fil-mask"))
    with pytest.raises(SpecError, match="unknown option 'label'; did you mean 'labels'"):
        resolve(declare("transformers", model=str(three), label={"a": "b"}))
