"""Loading weights and tokenizer with transformers."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models import adapters
from evalkit.models.adapters import Adapter
from evalkit.models.identity import text_digest
from evalkit.models.quantization import Quantization, check_readable
from evalkit.models.source import INSTALL_HF, ModelSource


def load_pretrained(
    source: ModelSource,
    *,
    device: str,
    dtype: str,
    attn_implementation: str | None = None,
    trust_remote_code: bool = False,
    quantization: Quantization | None = None,
    device_map: str | Mapping[str, Any] | None = None,
) -> tuple[Any, Any]:
    """A generative model on its device, in evaluation mode, and its tokenizer.

    dtype: the name of a torch dtype. device_map: as in transformers, instead of ``device``.

    Raises ModelError with advice on what to do.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        import torch
        import transformers
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ModelError(
            f"transformers models need torch and transformers: {INSTALL_HF}"
        ) from error
    check_readable(source.config, source.path)
    common: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if source.revision is not None:
        common["revision"] = source.revision
    if source.gguf is not None:
        common["gguf_file"] = source.gguf
    options = dict(common, dtype=getattr(torch, dtype))
    if quantization is not None:
        options["quantization_config"] = quantization.config(dtype)
        options["device_map"] = {"": device}
    if device_map is not None:
        options["device_map"] = device_map
    if attn_implementation is not None:
        options["attn_implementation"] = attn_implementation
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(source.path, **common)
            model = getattr(transformers, _loader(source)).from_pretrained(source.path, **options)
            if "device_map" not in options:
                model = model.to(device)
            model = model.eval()
        except Exception as error:  # many libraries raise here
            raise ModelError(load_error(source, error)) from error
    return model, tokenizer


def _loader(source: ModelSource) -> str:
    seq2seq = source.config.get("is_encoder_decoder")
    return "AutoModelForSeq2SeqLM" if seq2seq else "AutoModelForCausalLM"


class LoadedWeights:
    """Loaded weights with their adapters, of which at most one is active."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.parameters = int(model.num_parameters())
        self._active: str | None = None
        self._users: Counter[str] = Counter()

    def attach(self, adapter: Adapter) -> str:
        """Attach an adapter unless it is attached; returns its name. Raises ModelError."""
        # names become part of parameter names, where a dot is a separator
        name = f"evalkit_{text_digest(json.dumps(dict(adapter.identity)))[:16]}"
        if not self._users[name]:
            with quiet():
                adapters.attach(self.model, adapter, name)
            adapters.activate(self.model, self._active)
        self._users[name] += 1
        return name

    def detach(self, name: str) -> None:
        """End one use of an adapter; it is removed after the last one."""
        self._users[name] -= 1
        if not self._users[name]:
            self.activate(None)
            adapters.detach(self.model, name)

    def activate(self, name: str | None) -> None:
        """Use this adapter from now on; None: the base alone."""
        if name != self._active:
            adapters.activate(self.model, name)
            self._active = name


@contextmanager
def quiet() -> Iterator[None]:
    """Hide progress bars and warnings of transformers inside the ``with`` block."""
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


def load_error(source: ModelSource, error: Exception) -> str:
    """An error message for weights that cannot be loaded, with advice on what to do."""
    lines = str(error).strip().splitlines()
    summary = f"{type(error).__name__}: {lines[0] if lines else ''}"
    name = str(Path(source.path) / source.gguf) if source.gguf else source.path
    text = str(error).lower()
    if isinstance(error, ImportError):
        return f"model {name} needs a package that is not installed: {summary}"
    if "trust_remote_code" in text:
        return (
            f"model {name} contains custom code; review it, then declare "
            f"`trust_remote_code: true` ({summary})"
        )
    if "out of memory" in text or isinstance(error, MemoryError):
        return f"model {name} does not fit into memory ({summary})"
    if "unrecognized" in text and "model" in text:
        return f"model {name} is not supported by the installed version of transformers ({summary})"
    return f"model {name} cannot be loaded: {summary}"
