"""A model with a head that is in memory already."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.models.registry import resolve
from tests.models.conftest import CORPUS

from .conftest import LABELS, Declare, answers, direct, read


def test_a_model_in_memory(declare: Declare, three: Path) -> None:
    from evalkit.models.in_memory import as_model

    own, tokenizer = direct(three, "AutoModelForSequenceClassification")
    handed = as_model("mine", (own, tokenizer))
    assert handed.capabilities.inputs == ("classification",)
    requests = [read("classification", text, labels=LABELS) for text in CORPUS]
    found = answers(handed, requests)
    expected = answers(resolve(declare("transformers", model=str(three))), requests)
    for a, b in zip(found, expected, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)
    first = handed.fingerprint()
    own.classifier.bias.data += 1
    assert as_model("mine", (own, tokenizer)).fingerprint() != first
