"""How the tests of this folder declare a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.registry import Declared

CORPUS = [
    "the quick brown fox jumps over the lazy dog",
    "a film review is positive, negative or neutral",
    "ada lovelace was born in london and worked with charles babbage",
    "what is the capital of france ? it is paris , a city on the seine",
    "unbelievable performances and a wonderful soundtrack",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
Make = Callable[..., Path]


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


def make_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    # no trainer: it settles ties by chance
    pieces = sorted({word for text in CORPUS for word in text.replace(",", " ").split()})
    letters = sorted(set("".join(CORPUS)) - {" "})
    vocabulary = [*SPECIAL, *pieces, *letters, *(f"##{letter}" for letter in letters)]
    table = {piece: i for i, piece in enumerate(dict.fromkeys(vocabulary))}
    words = Tokenizer(models.WordPiece(table, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece()
    words.post_processor = TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """``checkpoint("BertForSequenceClassification", id2label={…})``: its folder."""

    def make(architecture: str, *, seed: int = 0, **config: Any) -> Path:
        import torch
        import transformers

        torch.manual_seed(seed)
        tokenizer = make_tokenizer()
        labels = config.pop("id2label", None)
        if labels is not None:
            config |= {"id2label": labels, "label2id": {v: k for k, v in labels.items()}}
        settings = transformers.BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            initializer_range=0.6,
            pad_token_id=0,
            **config,
        )
        folder = tmp_path_factory.mktemp(architecture)
        getattr(transformers, architecture)(settings).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Callable[[int], Path]:
    """``lora(seed)``: a folder with an adapter of random weights for the tiny Llama."""
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    made: dict[int, Path] = {}

    def make(seed: int) -> Path:
        if seed not in made:
            made[seed] = tmp_path_factory.mktemp(f"lora{seed}")
            torch.manual_seed(seed)
            base = AutoModelForCausalLM.from_pretrained(tiny_folder)
            config = peft.LoraConfig(
                r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False
            )
            peft.get_peft_model(base, config).save_pretrained(made[seed])
        return made[seed]

    return make
