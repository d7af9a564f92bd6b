"""A tiny model in the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalkit.engine.language_model import GpuParts, LanguageModel
from evalkit.engine.local import prepare
from evalkit.engine.paged_decode import PagedDecoder, why_not_paged
from tests.engine.reference_attention import store_and_attend

pytest.importorskip("transformers")


@pytest.fixture(scope="module", params=["packed", "plain", "paged"])
def lm(request: pytest.FixtureRequest, tiny_model: Any, tiny_tokenizer: Any) -> LanguageModel:
    engine = "plain" if request.param == "plain" else "auto"
    lm = prepare(tiny_model, tiny_tokenizer, engine=engine)
    assert lm.packed == (request.param != "plain"), lm.not_packed_because
    if request.param == "paged":
        # the decoder of GPUs, without its kernels and graphs
        assert why_not_paged(lm, store_and_attend) == ""
        lm = replace(lm, gpu=GpuParts(PagedDecoder(store_and_attend, capture=False)))
    return lm
