"""PEFT adapters: where one is stored, its identity by content, and attaching it to a model.

An adapter stays beside the weights and is never merged into them. Several adapters can therefore
share one base, quantised weights work too, and the base answers as without adapters.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.identity import checkpoint_files, files_digest
from evalkit.models.source import INSTALL_HF, is_hub_id, resolve_commit

CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter to load: a folder, or a hub id at one commit, and its identity."""

    path: str
    revision: str | None
    identity: Mapping[str, Any]


def locate_adapter(adapter: str, root: Path, revision: str | None = None) -> Adapter:
    """The adapter in a folder or on the hub. Raises ModelError if it does not exist."""
    path = Path(adapter).expanduser()
    path = path if path.is_absolute() else root / path
    if path.is_dir():
        if not (path / CONFIG).is_file():
            raise ModelError(f"no adapter in folder {path}: {CONFIG} is missing")
        files = [f for f in checkpoint_files(path) if f.name.startswith("adapter_")]
        if len(files) < 2:
            raise ModelError(f"no adapter in folder {path}: adapter_model.safetensors is missing")
        return Adapter(str(path), None, {"folder_sha256": files_digest(files)})
    if not is_hub_id(adapter):
        raise ModelError(
            f"no adapter folder {path}, and '{adapter}' is not a hub id (organisation/name)"
        )
    commit = resolve_commit(adapter, revision, CONFIG)
    return Adapter(adapter, commit, {"hub": adapter, "commit": commit})


def attach(model: Any, adapter: Adapter, name: str) -> None:
    """Load an adapter into a model of transformers under a name; call ``activate`` afterwards.

    Raises ModelError if the adapter does not fit the model, or if PEFT is not installed.
    """
    if importlib.util.find_spec("peft") is None:
        raise ModelError(f"adapters need the package peft: {INSTALL_HF}")
    options: dict[str, Any] = {"revision": adapter.revision} if adapter.revision else {}
    try:
        found = model.load_adapter(adapter.path, adapter_name=name, **options)
    except Exception as error:  # peft and transformers raise many types here
        detach(model, name)
        lines = str(error).strip().splitlines()
        raise ModelError(
            f"adapter {adapter.path} cannot be attached to this model: {type(error).__name__}: "
            f"{lines[0] if lines else ''}"
        ) from error
    # keys of other adapters are reported as missing, too
    missing = sorted(key for key in found.missing_keys if name in key)
    unexpected = [*sorted(found.unexpected_keys), *(str(k) for k in found.mismatched_keys)]
    if missing or unexpected:
        detach(model, name)
        raise ModelError(
            f"adapter {adapter.path} belongs to another model: {len(missing)} weights are missing,"
            f" {len(unexpected)} do not fit, such as {(missing + unexpected)[0]}"
        )


def detach(model: Any, name: str) -> None:
    """Remove an adapter's weights from a model, if they are there."""
    if name in (getattr(model, "peft_config", None) or {}):
        model.delete_adapter(name)


def activate(model: Any, name: str | None) -> None:
    """Use one of the attached adapters from now on, or none."""
    if name is not None:
        model.enable_adapters()
        model.set_adapter(name)
    elif getattr(model, "_hf_peft_config_loaded", False):
        model.disable_adapters()
