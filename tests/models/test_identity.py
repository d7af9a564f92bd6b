from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from evalkit.models import identity


def write(file: Path, content: bytes, age: int = 100) -> None:
    """Write a file as if some seconds ago: the memory trusts no file written just now."""
    file.write_bytes(content)
    stamp = file.stat().st_mtime_ns - age * 1_000_000_000
    os.utime(file, ns=(stamp, stamp))


def test_a_digest_is_sha256_and_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "weights.safetensors"
    write(file, b"w" * 3_000_000)
    expected = hashlib.sha256(b"w" * 3_000_000).hexdigest()
    assert identity.file_digest(file) == expected
    monkeypatch.setattr(identity, "_sha256", lambda stream: pytest.fail("read again"))
    assert identity.file_digest(file) == expected


@pytest.mark.parametrize("change", ["content", "size", "same size and time, another file"])
def test_a_changed_file_is_hashed_again(tmp_path: Path, change: str) -> None:
    file = tmp_path / "weights.bin"
    write(file, b"one")
    first = identity.file_digest(file)
    before = file.stat()
    if change == "content":
        write(file, b"two", age=50)
    elif change == "size":
        file.write_bytes(b"three")
        os.utime(file, ns=(before.st_mtime_ns, before.st_mtime_ns))
    else:
        other = tmp_path / "other"
        other.write_bytes(b"two")
        os.utime(other, ns=(before.st_mtime_ns, before.st_mtime_ns))
        os.replace(other, file)
    assert identity.file_digest(file) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert identity.file_digest(file) != first


def test_a_digest_of_a_fresh_file_is_not_cached(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"one")
    identity.file_digest(file)
    assert not (identity.cache_folder() / "digests.json").exists()


def test_a_broken_digest_cache_is_only_slower(tmp_path: Path) -> None:
    memory = identity.cache_folder() / "digests.json"
    memory.parent.mkdir(parents=True)
    file = tmp_path / "weights.bin"
    write(file, b"one")
    for broken in ("{", "[]", json.dumps({str(file): 3})):
        memory.write_text(broken)
        assert identity.file_digest(file) == hashlib.sha256(b"one").hexdigest()


def test_a_folder_is_identified_by_its_checkpoint_files(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"w")
    (folder / "config.json").write_text("{}")
    first = identity.folder_digest(folder)
    (folder / "README.md").write_text("words")
    (folder / "optimizer.bin").write_bytes(b"o")
    (folder / "pytorch_model.bin").write_bytes(b"the same weights in an older format")
    assert identity.folder_digest(folder) == first
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    second = identity.folder_digest(folder)
    assert second != first
    (folder / "model.safetensors").write_bytes(b"v")
    assert identity.folder_digest(folder) not in (first, second)
