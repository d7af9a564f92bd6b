"""Models and tokenizers made on the spot: no hub is needed."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from benchmarks.workloads import LABELS, WORDS, choices, judgments, texts
from evalkit.messages import is_text

SHAPES: dict[str, dict[str, int]] = {
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "cut": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 4,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
}
"""``cut`` is ``1b`` with four layers."""

WRITTEN = 500
"""The most tokens that a model writes; few of them are ever nearly as likely as another."""

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def tokenizer_from(folder: Path | None) -> Any:
    """The tokenizer in a folder; None: a byte-level one, trained on the workloads."""
    if folder is None:
        return _trained()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _trained() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    requests = [*choices(20), *texts(20), *judgments(20)]
    asked = [
        r.prompt if is_text(r.prompt) else " ".join(m.text for m in r.prompt) for r in requests
    ]
    tokenizer.train_from_iterator([*asked, " ".join(LABELS)], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def llama(shape: str, dtype: str, tokenizer: Any, device: str, seed: int = 0) -> Any:
    """A Llama with random weights, made on the device.

    The residual stream keeps its size through the layers, attention is peaked, and so are the
    logits: only some words are ever written, no special token is.
    """
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=8192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **SHAPES[shape],
    )
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    fill(model, tokenizer, seed)
    return model.eval()


def fill(model: Any, tokenizer: Any, seed: int = 0) -> None:
    """Random weights, the same for a seed on a kind of device."""
    import torch

    config = model.config
    hidden, layers = config.hidden_size, config.num_hidden_layers
    random = torch.Generator(device=model.device).manual_seed(seed)
    scales = {
        "embed_tokens": 1.0,
        "q_proj": math.sqrt(2.5 / hidden),
        "k_proj": math.sqrt(2.5 / hidden),
        "v_proj": 1 / math.sqrt(hidden),
        "o_proj": 1 / math.sqrt(hidden * layers),
        "gate_proj": 1 / math.sqrt(hidden),
        "up_proj": 1 / math.sqrt(hidden),
        "down_proj": 1 / math.sqrt(config.intermediate_size * layers),
        "lm_head": 4 / math.sqrt(hidden),
    }
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            part = name.split(".")[-2]
            if part in scales:
                parameter.normal_(0, scales[part], generator=random)
        head = model.get_output_embeddings().weight
        factor = torch.full((head.shape[0], 1), 0.25)
        factor[written(tokenizer)] = 1.0
        factor[sorted(tokenizer.all_special_ids)] = 0.0
        factor[len(tokenizer) :] = 0.0
        head.mul_(factor.to(head.device, head.dtype))


def written(tokenizer: Any) -> list[int]:
    """The tokens that a model writes: words, and how labels and ratings begin."""
    texts = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    words = [i for i, text in enumerate(texts) if re.fullmatch(r"Ġ[a-z]{3,}", text or "")]
    words = words or [i for i, text in enumerate(texts) if re.fullmatch(r"[a-z]", text or "")]
    chosen = words[:: max(1, len(words) // WRITTEN)]
    for text in (*(f" {label}" for label in LABELS), *"12345"):
        chosen.append(tokenizer(text, add_special_tokens=False)["input_ids"][0])
    return sorted(set(chosen))


def stop_words(tokenizer: Any, count: int = 12) -> tuple[str, ...]:
    """Strings that end some answers of such a model."""
    some = written(tokenizer)[:: max(1, len(written(tokenizer)) // count)]
    return tuple(dict.fromkeys(text for i in some if (text := tokenizer.decode([i]).strip())))


def kv_bytes_per_token(config: Any, itemsize: int) -> int:
    """Bytes of keys and values of one token."""
    size = config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * config.num_key_value_heads * size * itemsize)


def weights_read(model: Any) -> tuple[int, int]:
    """Parameters that a token is multiplied with, and their bytes: all but the embedding."""
    skipped = model.get_input_embeddings().weight
    used = [p for p in model.parameters() if p is not skipped]
    return sum(p.numel() for p in used), sum(p.numel() * p.element_size() for p in used)


def seen_word(index: int) -> str:
    """A word of the workloads."""
    words = WORDS.split()
    return words[index % len(words)]
