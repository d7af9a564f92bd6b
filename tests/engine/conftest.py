"""A tiny model in the engine."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.engine.language_model import LanguageModel
from evalkit.engine.local import prepare

pytest.importorskip("transformers")


@pytest.fixture(scope="module", params=["packed", "plain"])
def lm(request: pytest.FixtureRequest, tiny_model: Any, tiny_tokenizer: Any) -> LanguageModel:
    engine = "auto" if request.param == "packed" else "plain"
    lm = prepare(tiny_model, tiny_tokenizer, engine=engine)
    assert lm.packed == (request.param == "packed"), lm.not_packed_because
    return lm
