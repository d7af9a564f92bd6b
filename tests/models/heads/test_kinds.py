"""Which head a class of transformers has."""

from __future__ import annotations

import pytest

from evalkit.models.heads.kinds import head_named


@pytest.mark.parametrize(
    ("architecture", "head"),
    [
        ("BertForSequenceClassification", "sequence-classification"),
        ("BertModel", "embeddings"),
        ("GPT2LMHeadModel", None),
        ("LlamaForCausalLM", None),
        ("T5ForConditionalGeneration", None),
        ("MarianMTModel", None),
        ("EncoderDecoderModel", None),
    ],
)
def test_the_head_follows_the_architecture(architecture: str, head: str | None) -> None:
    assert head_named(architecture) == head
