"""How much memory a model needs, estimated from its config before any weight is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.engine.language_model import (
    LIVE_VECTORS,
    BatchLimits,
    context_length_of,
    kv_numbers_per_token,
)

BYTES = {"float32": 4.0, "bfloat16": 2.0, "8-bit": 1.0, "4-bit": 4.127 / 8}
"""Bytes of a weight in a linear layer. 4-bit is nf4 with double quantisation: 4.127 bits per weight
(Dettmers et al. 2023, QLoRA, section 3)."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes that memory depends on.

    linear: parameters in the matrices of the layers, which quantisation compresses. other:
    parameters of embeddings, head and norms, which it does not. cache: numbers in the KV cache for
    each token. context: the most tokens of a sequence; None: unlimited.
    """

    linear: int
    other: int
    hidden: int
    vocabulary: int
    cache: int
    context: int | None


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """The bytes that a model needs in one precision.

    weights: of the weights. cache: of the KV cache. batch: of a batch's activations and logits.
    fits: whether they fit into free memory; None when free memory is unknown.
    """

    precision: str
    weights: int
    cache: int
    batch: int
    fits: bool | None

    @property
    def total(self) -> int:
        """Weights, KV cache and batch together, in bytes."""
        return self.weights + self.cache + self.batch


def estimate_memory(
    config: Any, *, memory: int | None, limits: BatchLimits, shrinks: bool = False
) -> list[MemoryEstimate]:
    """An estimate for each precision.

    config: a transformers config, or a dict of one. memory: free bytes on the device, a tenth of
    which is left to the allocator; None: unknown. limits: the size of a batch. shrinks: whether
    batches become smaller when little memory is left beside the weights.

    Raises ValueError when transformers does not know the architecture.
    """
    shape = shape_of(config)
    found = []
    for precision, per_weight in BYTES.items():
        number = 4 if precision == "float32" else 2
        weights = int(shape.linear * per_weight) + shape.other * number
        per_token, kept = number * LIVE_VECTORS * shape.hidden, number * shape.cache
        used = limits
        if shrinks and memory is not None:
            used = limits.within(memory - weights, kept + per_token, kept)
        cache = _cached_tokens(used, shape) * kept
        batch = used.batch_tokens * per_token + used.max_running * shape.vocabulary * 4
        fits = None if memory is None else weights + cache + batch <= 0.9 * memory
        found.append(MemoryEstimate(precision, weights, cache, batch, fits))
    return found


def _cached_tokens(limits: BatchLimits, shape: ModelShape) -> int:
    """The most tokens whose keys and values are in memory at a time."""
    running = limits.max_cached_tokens
    if shape.context is not None:
        running = min(running, limits.max_running * shape.context)
    return max(limits.batch_tokens, running)


def shape_of(config: Any) -> ModelShape:
    """The sizes of a model, from its config; no memory is allocated for weights.

    Raises ValueError when transformers does not know the architecture.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if isinstance(config, Mapping):
        fields = {k: v for k, v in config.items() if k != "model_type"}
        config = AutoConfig.for_model(config["model_type"], **fields)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    text = config.get_text_config()
    outer = {id(m) for m in (model.get_input_embeddings(), model.get_output_embeddings())}
    linear = sum(
        parameter.numel()
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
        if parameter.dim() >= 2 and id(module) not in outer
    )
    return ModelShape(
        linear=linear,
        other=sum(p.numel() for p in model.parameters()) - linear,
        hidden=text.hidden_size,
        vocabulary=text.vocab_size,
        cache=kv_numbers_per_token(text),
        context=context_length_of(config),
    )
