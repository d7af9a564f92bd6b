"""Ten loads take the memory of one: a closed model is freed."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from evalkit.exchange import Generation, Request
from evalkit.models.registry import resolve

STATM = Path("/proc/self/statm")
MIB = 2**20
ASK = [
    Request("the quick brown fox", Generation(max_new_tokens=3)),
    Request("the lazy dog is", choices=("positive", "negative")),
]


@pytest.fixture
def folder(tmp_path: Path, tiny_tokenizer: Any) -> Path:
    """A checkpoint of 48 MiB: more than the process's memory varies without it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=400,
        hidden_size=512,
        intermediate_size=2048,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    return tmp_path


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not STATM.is_file(), reason="reads Linux's account of the process")
def test_repeated_loads_do_not_leak_memory(declare: Callable[..., Any], folder: Path) -> None:
    sizes, loaded = [], []
    for _ in range(10):
        # a model of its own each time, as ten suites' declarations would make it
        model: Any = resolve(declare("transformers", model=str(folder), device="cpu"))
        found = [pair for batch in model.respond(ASK) for pair in batch]
        assert all(response.answered for _, response in found)
        loaded.append(resident())
        model.close()
        sizes.append(resident())
    weights = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    assert weights > 40 * MIB
    # the first load also brings in libraries
    assert sizes[-1] - sizes[1] < weights / 2
    assert loaded[-1] - loaded[1] < weights / 2
