"""Where the weights of a model are stored and their identity, without importing torch.

A source is a local folder, a GGUF file, or a model on the Hugging Face hub at one commit.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError
from evalkit.models.identity import file_digest, folder_digest

INSTALL_HF = 'pip install "pytest-evalkit[hf]"'
"""How to install what models of transformers need."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The location of weights, and their identity.

    path: the argument of ``from_pretrained``. gguf: the name of a file inside ``path``. revision: a
    commit on the hub. identity: JSON values that distinguish these weights from all others.
    """

    path: str
    gguf: str | None
    revision: str | None
    identity: Mapping[str, Any]

    @property
    def config(self) -> Mapping[str, Any]:
        """The checkpoint's ``config.json``; empty for GGUF."""
        return {} if self.gguf else _json(self._file("config.json"))

    @property
    def stored_dtype(self) -> str | None:
        """The dtype of the stored weights; None if they are quantised (GGUF)."""
        if self.gguf:
            return None
        config = self.config
        nested = config.get("text_config")
        nested = nested if isinstance(nested, Mapping) else {}
        names = ("dtype", "torch_dtype")
        stated = [c[n] for c in (config, nested) for n in names if isinstance(c.get(n), str)]
        return str(stated[0]) if stated else "float32"

    @property
    def template_uses_date(self) -> bool:
        """True when the chat template writes today's date into the prompt."""
        if self.gguf:
            with (Path(self.path) / self.gguf).open("rb") as stream:
                # the metadata, template included, is at the start of the file
                return b"strftime_now" in stream.read(1 << 24)
        names = ("chat_template.jinja", "tokenizer_config.json", "chat_template.json")
        files = [file for name in names if (file := self._file(name)) is not None]
        return any("strftime_now" in f.read_text("utf-8", errors="replace") for f in files)

    def _file(self, name: str) -> Path | None:
        folder = Path(self.path) if self.revision is None else snapshot(self.path, self.revision)
        file = folder / name if folder else None
        return file if file is not None and file.is_file() else None


def locate_model(model: str, root: Path, *, gguf: str | None, revision: str | None) -> ModelSource:
    """The source of a local folder, a ``.gguf`` file or a hub id.

    Raises ModelError if the model does not exist or the hub cannot be reached.
    """
    path = Path(model).expanduser()
    path = path if path.is_absolute() else root / path
    if path.suffix == ".gguf" and not gguf:
        return _gguf_file(path)
    if path.is_dir():
        if gguf:
            return _gguf_file(path / gguf)
        if not (path / "config.json").is_file():
            raise ModelError(_no_model(path))
        return ModelSource(str(path), None, None, {"folder_sha256": folder_digest(path)})
    if not is_hub_id(model):
        raise ModelError(
            f"no model folder or .gguf file {path}, and '{model}' is not a hub id "
            "(organisation/name)"
        )
    commit = resolve_commit(model, revision)
    identity = {"hub": model, "commit": commit, **({"gguf": gguf} if gguf else {})}
    return ModelSource(model, gguf, commit, identity)


def _no_model(folder: Path) -> str:
    adapter = _json(folder / "adapter_config.json" if _is_adapter(folder) else None)
    if not adapter:
        return f"no model in folder {folder}: config.json is missing"
    base = adapter.get("base_model_name_or_path") or "its base model"
    return f"folder {folder} contains an adapter: declare 'model: {base}' and 'adapter: {folder}'"


def _is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file()


def _gguf_file(file: Path) -> ModelSource:
    if not file.is_file():
        raise ModelError(f"no file {file}")
    return ModelSource(str(file.parent), file.name, None, {"gguf_sha256": file_digest(file)})


def resolve_commit(model: str, revision: str | None, config: str = "config.json") -> str:
    """The commit of a hub model, from the local cache or else from the hub.

    config: the file that the fingerprint needs; it is downloaded with the commit.
    """
    revision = revision or "main"
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    reference = hub_folder(model) / "refs" / revision
    if reference.is_file():
        return reference.read_text(encoding="utf-8").strip()
    if _offline():
        raise ModelError(
            f"'{model}' is not in the local Hugging Face cache ({hub_folder(model).parent}) and "
            "HF_HUB_OFFLINE is set; download it once online, or name a local folder"
        )
    return _ask_hub(model, revision, config)


def snapshot(model: str, commit: str) -> Path | None:
    """The folder of a commit in the local Hugging Face cache; None if it does not exist."""
    folder = hub_folder(model) / "snapshots" / commit
    return folder if folder.is_dir() else None


def hub_folder(model: str) -> Path:
    """The folder of a model in the local Hugging Face cache."""
    home = Path(os.environ.get("HF_HOME") or _cache_home() / "huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    return hub / f"models--{model.replace('/', '--')}"


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@lru_cache
def _ask_hub(model: str, revision: str, config: str) -> str:
    try:
        from huggingface_hub import hf_hub_download, model_info
    except ImportError:
        raise ModelError(f"hub models need transformers: {INSTALL_HF}") from None
    try:
        commit = model_info(model, revision=revision, timeout=15).sha
        # the config contains the stored dtype
        hf_hub_download(model, config, revision=commit)
    except Exception as error:  # network, permission and naming errors of several libraries
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"'{model}' (revision {revision}) is not in the local Hugging Face cache, and the hub "
            f"request failed: {type(error).__name__}: {reason[0] if reason else ''}"
        ) from error
    if not commit:
        raise ModelError(f"the hub returned no commit for '{model}' (revision {revision})")
    return str(commit)


def is_hub_id(model: str) -> bool:
    """True for a well-formed hub id: ``name`` or ``organisation/name``."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", model) is not None


def _json(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        return {}
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{file} is not valid JSON: {error}") from error
    return read if isinstance(read, Mapping) else {}
