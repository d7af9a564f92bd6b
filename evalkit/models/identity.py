"""The identity of a model's files by content.

Hashing gigabytes takes seconds, so a file's hash is cached with its path, size, modification time
(in nanoseconds) and inode. If any of them differs, the file is hashed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

WEIGHTS = (".safetensors", ".bin", ".gguf")
CONTENT = (*WEIGHTS, ".json", ".model", ".txt", ".jinja", ".tiktoken", ".py")
IGNORED = {"training_args.bin", "optimizer.bin", "scheduler.bin", "trainer_state.json"}


def cache_folder() -> Path:
    """The user's cache folder: ``$EVALKIT_CACHE``, or the usual folder of the platform."""
    if chosen := os.environ.get("EVALKIT_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "evalkit"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "evalkit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evalkit"


def text_digest(*parts: str) -> str:
    """The SHA-256 of texts, their borders included."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, cached until the file changes."""
    return _digests([path])[path]


def folder_digest(folder: Path) -> str:
    """The SHA-256 of a checkpoint: names and contents of weights, configs and tokenizer files."""
    return files_digest(checkpoint_files(folder))


def files_digest(files: Sequence[Path]) -> str:
    """The SHA-256 of the names and contents of files."""
    digests = _digests(files)
    return text_digest(*(part for file in files for part in (file.name, digests[file])))


def checkpoint_files(folder: Path) -> list[Path]:
    """The files of a checkpoint that can change an answer, in order of their names."""
    files = [
        f for f in folder.iterdir() if f.is_file() and f.suffix in CONTENT and f.name not in IGNORED
    ]
    if any(f.suffix == ".safetensors" for f in files):
        # transformers reads these and ignores other formats
        files = [f for f in files if f.suffix not in (".bin", ".gguf")]
    return sorted(files)


def _digests(files: Iterable[Path]) -> dict[Path, str]:
    memory = cache_folder() / "digests.json"
    known = _read(memory)
    found: dict[Path, str] = {}
    fresh: dict[str, Any] = {}
    for file in files:
        real = str(file.resolve())
        stamp = _stamp(file)
        remembered = known.get(real)
        if isinstance(remembered, dict) and remembered.get("stamp") == stamp:
            found[file] = str(remembered["sha256"])
            continue
        with file.open("rb") as stream:
            found[file] = _sha256(stream)
        # a file written just now may change again within the clock's resolution
        if time.time_ns() - stamp[1] > 2_000_000_000 and stamp == _stamp(file):
            fresh[real] = {"stamp": stamp, "sha256": found[file]}
    if fresh:
        _write(memory, {**_read(memory), **fresh})
    return found


def _stamp(file: Path) -> list[int]:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _sha256(stream: Any) -> str:
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _read(memory: Path) -> dict[str, Any]:
    try:
        read = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write(memory: Path, entries: Mapping[str, Any]) -> None:
    """Replace the file of known hashes atomically. A failure only costs time."""
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=memory.parent, suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(entries, stream)
        os.replace(name, memory)
