"""Reading weights and tokenizer with transformers: quiet, in the wanted precision."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.source import INSTALL, Source


def load_pretrained(
    source: Source,
    *,
    device: str,
    dtype: str,
    attn_implementation: str | None = None,
    trust_remote_code: bool = False,
) -> tuple[Any, Any]:
    """A causal model on its device, in evaluation mode, and its tokenizer.

    Raises ModelError, saying what to do.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise ModelError(f"transformers models need torch and transformers: {INSTALL}") from error
    common: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if source.revision is not None:
        common["revision"] = source.revision
    if source.gguf is not None:
        common["gguf_file"] = source.gguf
    options = dict(common, dtype=getattr(torch, dtype))
    if attn_implementation is not None:
        options["attn_implementation"] = attn_implementation
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(source.path, **common)
            model = AutoModelForCausalLM.from_pretrained(source.path, **options)
            model = model.to(device).eval()
        except Exception as error:  # many libraries speak here
            raise ModelError(_advice(source, error)) from error
    return model, tokenizer


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings of transformers, for a while."""
    from transformers.utils import logging as hf

    verbosity, bars = hf.get_verbosity(), hf.is_progress_bar_enabled()
    hf.set_verbosity_error()
    hf.disable_progress_bar()
    root = logging.getLogger("huggingface_hub")
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        hf.set_verbosity(verbosity)
        if bars:
            hf.enable_progress_bar()


def _advice(source: Source, error: Exception) -> str:
    lines = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {lines[0] if lines else ''}"
    name = str(Path(source.path) / source.gguf) if source.gguf else source.path
    text = str(error).lower()
    if isinstance(error, ImportError):
        return f"model {name} needs a package that is not installed: {said}"
    if "trust_remote_code" in text:
        return (
            f"model {name} brings code of its own; read it, then declare "
            f"`trust_remote_code: true` ({said})"
        )
    if "out of memory" in text or isinstance(error, MemoryError):
        return f"model {name} does not fit into memory ({said})"
    if "unrecognized" in text and "model" in text:
        return f"model {name} is of a kind that this version of transformers cannot run ({said})"
    return f"model {name} cannot be loaded: {said}"
