"""A loaded causal language model, as the engine sees it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.engine.activity import Activity
from evalkit.engine.fused_layers import FusedLayers
from evalkit.engine.kept_prefixes import KeptPrefixes
from evalkit.engine.memory import MemoryLimits, free_device_memory
from evalkit.engine.threads import Threads

if TYPE_CHECKING:
    import torch


MIN_BATCH_TOKENS = 512
"""The fewest tokens of a batch, however little memory is free: running out is recoverable."""

LIVE_VECTORS = 16
"""Vectors of the hidden size that are in memory at a time for each token of a batch."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How large a batch may be.

    batch_tokens: tokens, including padding and tokens still to be generated. batch_rows: rows.
    A sequence that is being decoded holds only keys and values, so more of them run at a time.
    """

    batch_tokens: int = 16384
    batch_rows: int = 48

    @property
    def max_cached_tokens(self) -> int:
        """Tokens in the KV cache."""
        return 4 * self.batch_tokens

    @property
    def max_running(self) -> int:
        """Sequences that are decoded at a time."""
        return 2 * self.batch_rows

    def within(self, free: int, per_token: int, cache: int) -> BatchLimits:
        """The limits, halved until a KV cache takes at most half of the free memory and a batch at
        most a quarter.

        They are halved and not divided, so that a small change of free memory changes no batch.

        free: in bytes. per_token, cache: bytes of a token in a batch and in the KV cache.
        """
        tokens = self.batch_tokens
        while tokens > MIN_BATCH_TOKENS and (
            4 * tokens * cache > free // 2 or tokens * per_token > free // 4
        ):
            tokens //= 2
        return BatchLimits(tokens, self.batch_rows)


class Decoder(Protocol):
    """Decodes the sequences of a model; keeps memory on its device between calls."""

    def generate(
        self,
        lm: LanguageModel,
        sequences: Sequence[Any],
        prefixes: Sequence[int | None],
        prefix_cache: Any,
    ) -> Iterator[list[Any]]:
        """As ``evalkit.engine.decode.generate``."""
        ...

    def clear(self) -> None:
        """Free its memory."""
        ...

    def describe(self) -> str:
        """How it decodes, for reports."""
        ...


@dataclass(frozen=True, slots=True)
class GpuParts:
    """What a GPU computes in its own way; nothing for a model on another device."""

    decoder: Decoder | None = None
    """Decodes packed sequences; None: ``evalkit.engine.decode`` does."""
    fused: FusedLayers = field(default_factory=FusedLayers)
    """Parts of a layer that one kernel computes."""
    no_decoder_because: str = ""
    """Why a packed model on a GPU has no decoder."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A causal model of transformers in evaluation mode, with its tokenizer."""

    model: Any
    """The transformers model."""
    tokenizer: Any
    """Its transformers tokenizer."""
    eos: frozenset[int]
    """Token ids that end an answer."""
    pad: int
    """The token id that fills rows; no token attends to it."""
    context_length: int | None
    """The most tokens of a sequence; None: unlimited."""
    chat_template: str | None = None
    """Replaces the tokenizer's own template."""
    limits: BatchLimits = field(default_factory=BatchLimits)
    """The size of a batch."""
    not_packed_because: str = "the declaration says so"
    """Why the model runs in plain batches; "": it runs in packed batches."""
    continuous: bool = False
    """True when transformers' own continuous batching generates greedy answers."""
    frozen: bool = False
    """True when only evalkit holds the weights, so that copies of them stay valid."""
    memory: MemoryLimits = field(default_factory=MemoryLimits)
    """Limits learnt by running out of memory."""
    kept: KeptPrefixes = field(default_factory=KeptPrefixes)
    """Sequences that a later call continues."""
    activity: Activity = field(default_factory=Activity)
    """What is being computed."""
    threads: Threads = field(default_factory=Threads)
    """The number of threads on a CPU."""
    gpu: GpuParts = field(default_factory=GpuParts)
    """What a GPU computes in its own way."""

    @property
    def packed(self) -> bool:
        """True when the model runs in packed batches, False when in plain ones."""
        return not self.not_packed_because

    @property
    def device(self) -> torch.device:
        """The device of its inputs."""
        device: torch.device = self.model.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its weights and activations."""
        dtype: torch.dtype = self.model.dtype
        return dtype

    @property
    def spread(self) -> bool:
        """True when the weights are on several devices."""
        return len({parameter.device for parameter in self.model.parameters()}) > 1

    @property
    def layers(self) -> Any:
        """The decoder layers; () when the model has no list of layers."""
        decoder = self.model.get_decoder() if hasattr(self.model, "get_decoder") else None
        return getattr(decoder, "layers", None) or ()

    @property
    def last_layer(self) -> Any:
        """The last decoder layer; None when the model has no list of layers."""
        return self.layers[-1] if self.layers else None

    @property
    def max_running(self) -> int:
        """Sequences that are decoded at a time; fewer once memory has run out."""
        return max(1, self.limits.max_running // self.memory.divisor)

    @property
    def max_cached_tokens(self) -> int:
        """Tokens in the KV cache; fewer once memory has run out."""
        return max(1, self.limits.max_cached_tokens // self.memory.divisor)

    @property
    def max_kept_tokens(self) -> int:
        """Tokens of finished sequences whose keys and values stay in memory."""
        return self.max_cached_tokens // 2 if self.exact else 0

    @property
    def logits_cost(self) -> int:
        """The memory of one position's logits, in tokens of a batch."""
        vocabulary = int(self.model.get_input_embeddings().weight.shape[0])
        return vocabulary // (LIVE_VECTORS * int(self.model.get_input_embeddings().weight.shape[1]))

    @property
    def exact(self) -> bool:
        """True when answers do not depend on the batch layout (float32 and float64)."""
        import torch

        return self.dtype in (torch.float32, torch.float64)

    @contextmanager
    def forward_pass(self, kind: str, tokens: int) -> Iterator[None]:
        """Every forward pass runs inside this ``with`` block.

        kind: ``prefill`` or ``decoding``. tokens: how many it computes.
        """
        with (
            current_device(self.device),
            self.activity.forward_pass(tokens),
            self.threads.running(kind, tokens, self.device, self.exact),
        ):
            yield

    def release(self) -> None:
        """Free what is kept on the device for the next call."""
        self.kept.clear()
        if self.gpu.decoder is not None:
            self.gpu.decoder.clear()

    def accepts(self, name: str) -> bool:
        """True when the model's ``forward`` has this parameter."""
        return name in inspect.signature(self.model.forward).parameters


def current_device(device: torch.device) -> AbstractContextManager[Any]:
    """Make a CUDA device this thread's current one: Triton launches its kernels there, and events
    are recorded there, whatever device the tensors are on."""
    if device.type != "cuda":
        return nullcontext()
    import torch

    guard: AbstractContextManager[Any] = torch.cuda.device(device)
    return guard


def wrap_model(
    model: Any,
    tokenizer: Any,
    *,
    context_length: int | None = None,
    chat_template: str | None = None,
    limits: BatchLimits | None = None,
) -> LanguageModel:
    """A LanguageModel from a transformers model and its tokenizer.

    context_length, chat_template, limits: replace what the config and the tokenizer state and what
    fits into the device's memory.
    """
    model.eval()
    eos = _ids(getattr(model.generation_config, "eos_token_id", None))
    eos |= _ids(getattr(model.config, "eos_token_id", None)) | _ids(tokenizer.eos_token_id)
    pad = tokenizer.pad_token_id
    if pad is None:
        pad = min(eos) if eos else 0
    return LanguageModel(
        model,
        tokenizer,
        eos,
        pad,
        context_length or context_length_of(model.config, tokenizer),
        chat_template,
        limits or fitting_limits(model),
    )


def default_limits(device: str) -> BatchLimits:
    """The usual batch size for a kind of device (``cuda``, ``cpu``, ``mps``)."""
    return BatchLimits(131072, 256) if device == "cuda" else BatchLimits()


def fitting_limits(model: Any) -> BatchLimits:
    """The usual limits of the model's device, reduced to what its free memory holds."""
    usual, free = default_limits(str(model.device.type)), free_device_memory(model.device)
    if free is None:
        return usual
    number = model.dtype.itemsize
    cache = number * kv_numbers_per_token(model.config.get_text_config())
    hidden = int(model.get_input_embeddings().weight.shape[1])
    return usual.within(free, cache + number * LIVE_VECTORS * hidden, cache)


def kv_numbers_per_token(config: Any) -> int:
    """Numbers in the KV cache for each token."""
    heads = getattr(config, "num_attention_heads", None) or 1
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(2 * config.num_hidden_layers * key_heads * size)


def context_length_of(config: Any, tokenizer: Any = None) -> int | None:
    """The context length in a config, or the tokenizer's if it is stricter; None: unlimited."""
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
    stated = [v for n in names if isinstance(v := getattr(config, n, None), int) and v > 0]
    of_tokenizer = getattr(tokenizer, "model_max_length", None)
    # transformers writes 1e30 for "unlimited"
    if isinstance(of_tokenizer, int) and 0 < of_tokenizer < 10**9:
        stated = [min([*stated[:1], of_tokenizer])]
    return stated[0] if stated else None


def _ids(value: int | list[int] | None) -> frozenset[int]:
    if value is None:
        return frozenset()
    return frozenset([value] if isinstance(value, int) else value)
