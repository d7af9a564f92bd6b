"""Loading a checkpoint with a task head."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.heads.kinds import HEADS
from evalkit.models.heads.options import HeadOptions
from evalkit.models.heads.runner import LoadedCheckpoint
from evalkit.models.loading import load_error, quiet
from evalkit.models.source import INSTALL_HF, ModelSource, snapshot

_SPLIT_INTO_TOKENS = "add_prefix_space"
"""The option that byte-level tokenizers need for tokens instead of a text."""


def load_head(
    source: ModelSource, head: str, options: HeadOptions, *, device: str, dtype: str
) -> LoadedCheckpoint:
    """A model with its head on its device, in evaluation mode, and its tokenizer.

    Raises ModelError with advice on what to do, also if the checkpoint has no weights for the head:
    transformers would initialise them at random.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        import torch
        import transformers
    except ImportError as error:
        raise ModelError(
            f"transformers models need torch and transformers: {INSTALL_HF}"
        ) from error
    common: dict[str, Any] = {"trust_remote_code": options.trust_remote_code}
    if source.revision is not None:
        common["revision"] = source.revision
    arguments = dict(common, dtype=getattr(torch, dtype), output_loading_info=True)
    if options.attn_implementation is not None:
        arguments["attn_implementation"] = options.attn_implementation
    loader = getattr(transformers, HEADS[head].loader)
    with quiet():
        try:
            tokenizer = _tokenizer(source, common, head)
            model, found = loader.from_pretrained(source.path, **arguments)
            model = model.to(device).eval()
        except Exception as error:  # many libraries raise here
            raise ModelError(load_error(source, error)) from error
    _check_weights(source, head, found)
    return make_checkpoint(model, tokenizer, options, pooling=pooling_of(source, options))


def make_checkpoint(
    model: Any, tokenizer: Any, options: HeadOptions, pooling: str = "mean"
) -> LoadedCheckpoint:
    """A loaded checkpoint with the declared batch size, or that of its device."""
    tokens, rows = (131072, 256) if model.device.type == "cuda" else (16384, 48)
    tokens, rows = options.batch_tokens or tokens, options.batch_rows or rows
    return LoadedCheckpoint(model, tokenizer, options, tokens, rows, pooling)


def _tokenizer(source: ModelSource, common: dict[str, Any], head: str) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source.path, **common)
    if head == "token-classification" and getattr(tokenizer, _SPLIT_INTO_TOKENS, None) is False:
        common = {**common, _SPLIT_INTO_TOKENS: True}
        return AutoTokenizer.from_pretrained(source.path, **common)
    return tokenizer


def _check_weights(source: ModelSource, head: str, found: dict[str, Any]) -> None:
    missing = sorted(key for key in found["missing_keys"] if not _unused(head, key))
    if missing:
        raise ModelError(
            f"model {source.path} has no weights for a {head} head ({', '.join(missing[:3])}, …);"
            " its answers would be random. Fine-tune it first, or declare another 'head:'"
        )


def _unused(head: str, key: str) -> bool:
    """Whether weights are not used: the pooler of a model for embeddings."""
    return head == "embeddings" and "pooler" in key.split(".")


def pooling_of(source: ModelSource, options: HeadOptions) -> str:
    """The pooling of token states: as declared, as in the checkpoint, or else their mean.

    It reads the files of sentence-transformers in the checkpoint. Raises ModelError for other
    poolings and for dense layers, which are not supported.
    """
    if options.pooling is not None:
        return options.pooling
    folder = Path(source.path)
    if source.revision is not None:
        folder = snapshot(source.path, source.revision) or folder
    for module in _json(folder / "modules.json") or []:
        kind = str(module.get("type", "")).rpartition(".")[2]
        if kind == "Pooling":
            return _pooling_in(_json(folder / str(module.get("path")) / "config.json") or {})
        if kind == "Dense":
            raise ModelError(f"model {source.path} has a dense layer, which is not supported")
    return "mean"


def _pooling_in(config: dict[str, Any]) -> str:
    names = {"mean_tokens": "mean", "cls_token": "cls", "lasttoken": "last"}
    mode = config.get("pooling_mode")
    modes = [key.removeprefix("pooling_mode_") for key, on in config.items() if on is True]
    modes = [key for key in modes if key in names]
    if isinstance(mode, str):
        modes = [key for key, name in names.items() if mode in (name, key, f"{name}token")]
    if len(modes) != 1:
        raise ModelError("the checkpoint's pooling is not supported; declare 'pooling: mean'")
    return names[modes[0]]


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
