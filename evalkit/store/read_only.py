"""Opens a store that cannot be written: on a read-only mount, or of another user."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path
from tempfile import TemporaryDirectory

_ATTEMPTS = 5


def is_writable(path: Path) -> bool:
    """Whether the store, the files beside it and its folder can be written."""
    files = [path, *(file for file in _logs(path) if file.exists())]
    return all(os.access(file, os.W_OK) for file in (path.parent, *files))


def open_to_read(
    path: Path, version: int
) -> tuple[sqlite3.Connection, TemporaryDirectory[str] | None]:
    """A connection to a store of this version, or to a copy of it in a temporary folder.

    SQLite reads a file in place if it can share it with those who write, or if nothing was left in
    its write-ahead log. Else, and if it is of an older version, this opens a copy.
    """
    uri = path.resolve().as_uri()
    log = _logs(path)[0]
    settled = [] if log.exists() and log.stat().st_size else [f"{uri}?immutable=1"]
    for how in (f"{uri}?mode=ro", *settled):
        db = sqlite3.connect(
            how, uri=True, timeout=60, isolation_level=None, check_same_thread=False
        )
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] == version:
                return db, None
        except sqlite3.OperationalError:
            pass
        except sqlite3.Error:
            db.close()
            raise
        db.close()
    folder = TemporaryDirectory(prefix="evalkit-", ignore_cleanup_errors=True)
    copy = Path(folder.name) / path.name
    _copy(path, copy)
    return sqlite3.connect(copy, isolation_level=None, check_same_thread=False), folder


def _copy(path: Path, copy: Path) -> None:
    """Copy a store with its log, again if it changed meanwhile."""
    for _ in range(_ATTEMPTS):
        before = _state(path)
        for source, suffix in ((path, ""), (_logs(path)[0], "-wal")):
            target = copy.with_name(copy.name + suffix)
            if source.exists():
                shutil.copyfile(source, target)
            else:
                target.unlink(missing_ok=True)
        if _state(path) == before:
            return
        time.sleep(0.2)


def _state(path: Path) -> list[tuple[int, int]]:
    files = [file.stat() for file in (path, _logs(path)[0]) if file.exists()]
    return [(status.st_size, status.st_mtime_ns) for status in files]


def _logs(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
