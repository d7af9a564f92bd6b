"""Options that make no sense together are refused with their line."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.models.registry import resolve
from tests.models.test_quantization import Declare

pytest.importorskip("transformers")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantization": {"bits": 3}}, "quantization.bits"),
        ({"quantization": {"bits": 8, "type": "nf4"}}, "8 bits have no type"),
        ({"quantization": {"bits": 4, "threshold": 1}}, "4 bits have no threshold"),
        ({"quantization": {"bits": 4, "kind": "nf4"}}, "kind"),
        ({"quantization": {"bits": 4}, "model": "a.gguf"}, "GGUF file is quantised already"),
        ({"device_map": "auto", "device": "cpu"}, "remove device"),
        ({"adapter_revision": "main"}, "adapter_revision needs adapter"),
    ],
)
def test_invalid_options_are_errors(declare: Declare, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        resolve(declare("transformers", **{"model": "a/b", **options}))
