"""Options of models with a task head."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evalkit.models.time_limits import TimedOptions


class HeadOptions(TimedOptions):
    """Options of the ``transformers`` backend for a checkpoint with a task head."""

    model: str
    """A local folder or a hub id."""
    revision: str | None = None
    """A branch, tag or commit on the hub."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The precision; ``auto`` is that of the checkpoint if the device is fast at it."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` is the first of CUDA, MPS and CPU. A list
    of devices runs a replica on each."""
    attn_implementation: str | None = None
    """The attention, as in transformers: ``sdpa``, ``eager``, ``flash_attention_2``."""
    context_length: int | None = Field(default=None, ge=1)
    """The context length in tokens; default: that of the config."""
    batch_tokens: int | None = Field(default=None, ge=1)
    """Maximum number of tokens per batch; default: 16,384, or 131,072 on CUDA."""
    batch_rows: int | None = Field(default=None, ge=1)
    """Maximum number of sequences per batch; default: 48, or 256 on CUDA."""
    trust_remote_code: bool = False
    """Run code that comes with the weights."""
    head: str | None = None
    """The kind of head; default: that of ``architectures`` in the config."""
    labels: dict[str, str] = Field(default_factory=dict)
    """The names of the head's labels in suites."""
    max_answer_tokens: int = Field(default=30, ge=1)
    """``extractive-qa``: maximum number of tokens of an answer."""
    n_best: int = Field(default=5, ge=1)
    """``extractive-qa``: the number of spans in the details."""
    no_answer: bool = True
    """``extractive-qa``: whether there may be no answer."""
    no_answer_threshold: float = 0.0
    """``extractive-qa``: by how much the null score must lead the best span."""
    window: int = Field(default=384, ge=16)
    """``extractive-qa``: tokens of a window, with the question."""
    overlap: int = Field(default=128, ge=0)
    """``extractive-qa``: tokens of a window that the next one repeats."""
    top_k: int = Field(default=10, ge=1)
    """``fill-mask``: the number of words in the details."""
    pooling: Literal["mean", "cls", "last"] | None = None
    """``embeddings``: the ``mean`` of the tokens, the first (``cls``) or the ``last`` one; default:
    as in the checkpoint, else the mean."""
    label_template: str = Field(default="{}", pattern=r"\{\}")
    """``embeddings``: the text whose embedding represents a label."""
    temperature: float = Field(default=0.05, gt=0)
    """``embeddings``: of the softmax that turns cosines into probabilities."""
