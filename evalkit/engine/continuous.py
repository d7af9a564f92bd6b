"""Greedy generation by transformers' own continuous batching (``engine: continuous``).

It takes greedy requests without a repetition penalty only: transformers draws from one random
stream for the whole batch, so a sampled answer would depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from evalkit.engine.language_model import BatchLimits, LanguageModel
from evalkit.engine.memory import is_out_of_memory
from evalkit.engine.plain import append_tokens
from evalkit.engine.sequence import SequenceState
from evalkit.engine.tokenization import TokenizedRequest
from evalkit.errors import ModelError

BLOCK_TOKENS = 256
"""Tokens in a block of the paged KV cache."""

MAX_STEP_TOKENS = 2048
"""Tokens that are computed in one step."""


def require_support(model: Any) -> None:
    """Raise ModelError when transformers cannot batch this model continuously."""
    if not hasattr(model, "generate_batch") or getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"engine 'continuous' does not support {type(model).__name__}: transformers batches "
            "only causal models continuously; remove `engine`"
        )


def with_running_limits(lm: LanguageModel) -> LanguageModel:
    """The model with batches as large as the number of sequences that may run at a time."""
    return replace(lm, limits=BatchLimits(lm.max_cached_tokens, lm.max_running))


def supports(encoded: TokenizedRequest) -> bool:
    """True for a request whose answer does not depend on its neighbours in the batch."""
    generation = encoded.request.generation
    plain = generation.num_beams == 1 and generation.repetition_penalty == 1.0
    return not encoded.choices and generation.temperature == 0 and plain


def generate(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> list[SequenceState]:
    """Generate an answer for every request."""
    from transformers import GenerationConfig

    sequences = [SequenceState(i, encoded, lm.tokenizer, lm.eos) for i, encoded in enumerate(batch)]
    config = GenerationConfig(
        max_new_tokens=max(e.max_new_tokens for e in batch),
        do_sample=False,
        eos_token_id=sorted(lm.eos) or None,
        pad_token_id=lm.pad,
    )
    outputs = lm.model.generate_batch(
        [list(e.prompt) for e in batch],
        generation_config=config,
        continuous_batching_config=_sizes(lm, batch),
        progress_bar=False,
    )
    for i, sequence in enumerate(sequences):
        found = outputs.get(f"req_{i}")
        error = "the request is missing from its output" if found is None else found.error
        if error and is_out_of_memory(RuntimeError(error)):
            raise RuntimeError(error)
        if error:
            sequence.fail(f"continuous batching returned no answer: {error}")
        else:
            append_tokens(sequence, found.generated_tokens)
    return sequences


def _sizes(lm: LanguageModel, batch: Sequence[TokenizedRequest]) -> Any:
    """Cache sizes that hold the batch. transformers would take nearly all memory of the device."""
    from transformers import ContinuousBatchingConfig

    known = {field.name for field in fields(ContinuousBatchingConfig)}
    page_size = "page_size" if "page_size" in known else "block_size"  # its older name
    options: dict[str, Any] = {page_size: BLOCK_TOKENS}
    if lm.exact and "auto_switch_to_flash" in known:  # flash attention has no float32
        options["auto_switch_to_flash"] = False
    return ContinuousBatchingConfig(
        num_blocks=sum(-(-encoded.max_length // BLOCK_TOKENS) for encoded in batch) + 1,
        max_batch_tokens=min(MAX_STEP_TOKENS, sum(encoded.length for encoded in batch)),
        **options,
    )
