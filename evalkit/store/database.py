"""The database file of the store: tables, transactions, locks and errors.

Several processes may share the file (WAL mode); one of them writes at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evalkit.errors import StoreError
from evalkit.store.read_only import is_writable, open_to_read

_VERSION = 3
_TIMEOUT = 60
# Every statement skips what exists already, so they also upgrade an older file.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, run TEXT NOT NULL, created REAL NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fingerprints (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, created REAL NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, status TEXT NOT NULL,
    label TEXT, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_by_label ON runs (label);
CREATE TABLE IF NOT EXISTS processes (
    run TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cells (
    run TEXT NOT NULL, position INTEGER NOT NULL, suite TEXT NOT NULL, model TEXT NOT NULL,
    prompt TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (run, suite, model, prompt)
);
CREATE TABLE IF NOT EXISTS samples (
    run TEXT NOT NULL, suite TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,
    position INTEGER NOT NULL, response TEXT, body BLOB NOT NULL,
    PRIMARY KEY (run, suite, model, prompt, position)
) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS scores AS
    SELECT run, suite, model, prompt, s.key AS score,
           json_extract(s.value, '$.value') AS value, json_extract(s.value, '$.low') AS low,
           json_extract(s.value, '$.high') AS high, json_extract(s.value, '$.n') AS n
    FROM cells, json_each(cells.body, '$.scores') AS s;
"""


class Database:
    """An open ``store.sqlite`` in a folder, which is created if necessary. Raises StoreError."""

    def __init__(self, folder: Path, *, to_read: bool = False) -> None:
        """to_read: whether it suffices to read the store, which must exist. One that cannot be
        written (a read-only mount, the store of another user) is then opened all the same."""
        self.path = folder / "store.sqlite"
        self._guard = threading.RLock()
        self._copy: TemporaryDirectory[str] | None = None
        try:
            if to_read and not is_writable(self.path):
                self._db, self._copy = open_to_read(self.path, _VERSION)
                if self._copy is not None:
                    self._prepare()
                self._db.execute("PRAGMA query_only=ON")
                return
            folder.mkdir(parents=True, exist_ok=True)
            _ignore_in_git(folder)
            self._db = sqlite3.connect(
                self.path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            # SQLite does not wait when two processes switch to WAL at once.
            with self.lock("open"):
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._prepare()
        except (OSError, sqlite3.Error) as error:
            if _is_damage(error):
                raise self._damaged(error) from error
            raise StoreError(
                f"{self.path}: cannot open the run store: {error}."
                " Choose another folder with --eval-store, or move this one away"
            ) from error

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise StoreError(
                f"{self.path}: written by a newer evalkit (format {version}; this one supports"
                f" {_VERSION}). Upgrade evalkit or choose another folder with --eval-store"
            )
        if version < _VERSION:
            with self.transaction():
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={_VERSION}")

    def close(self) -> None:
        """Close the file. It is safe to call twice."""
        self._db.close()
        if self._copy is not None:
            self._copy.cleanup()

    def fold(self) -> None:
        """Move what was committed from the write-ahead log into the file, which can then be copied
        alone. Another process that is reading or writing leaves it undone: its own end does it."""
        with self._guard, contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA busy_timeout=2000")
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                self._db.execute(f"PRAGMA busy_timeout={1000 * _TIMEOUT}")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query. Raises StoreError if the file cannot be read."""
        with self._guard, self.reading():
            return self._db.execute(query, values).fetchall()

    def change(self, statement: str, rows: Sequence[Sequence[Any]] | None = None) -> int:
        """Execute a statement once, or for each row, in the open transaction if there is one.

        Returns the number of rows that it changed. Raises StoreError if the file cannot be written.
        """
        with self._guard:
            if not self._db.in_transaction:
                with self.transaction():
                    return self.change(statement, rows)
            if rows is None:
                return self._db.execute(statement).rowcount
            return self._db.executemany(statement, rows).rowcount

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turn errors of the file and of records of another form into StoreError."""
        try:
            yield
        except (AttributeError, LookupError, TypeError, RecursionError) as error:
            form = ValueError(f"a record has another form: {type(error).__name__}: {error}")
            raise self._damaged(form) from error
        except (sqlite3.Error, zlib.error, ValueError) as error:
            if isinstance(error, sqlite3.Error) and not _is_damage(error):
                raise StoreError(f"{self.path}: cannot read the run store: {error}") from error
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> StoreError:
        return StoreError(
            f"{self.path}: the run store is damaged ({error}). Move {self.path.name} and its"
            f" companions ({self.path.name}-wal, -shm) away: evalkit creates a new store and"
            " requests the responses again. `sqlite3 OLD .recover | sqlite3 NEW` recovers what is"
            " readable"
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything that is written inside the ``with`` block, or nothing."""
        with self._guard:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._rollback()
                if _is_damage(error):
                    raise self._damaged(error) from error
                raise StoreError(
                    f"{self.path}: cannot write: {error}. Committed responses are safe; free some"
                    " space or choose another folder with --eval-store, then run the same command"
                    " to continue"
                ) from error
            except BaseException:
                self._rollback()
                raise

    def _rollback(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def lock(self, name: str = "lock") -> Iterator[None]:
        """Hold a lock across processes. It is released when the process ends, even by a crash.

        name: of the lock; parallel workers hold ``lock`` for a whole run. The lock is an open
        transaction on a small database beside the store, so it works wherever SQLite does.
        """
        beside = self.path.with_name(f"{name}.sqlite")
        guard = sqlite3.connect(beside, timeout=0, isolation_level=None)
        try:
            while True:
                try:
                    guard.execute("BEGIN EXCLUSIVE")
                    break
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error):
                        raise StoreError(f"{self.path}: cannot lock: {error}") from error
                    time.sleep(0.05)
            yield
        finally:
            guard.close()


def _is_damage(error: BaseException) -> bool:
    """True for SQLite's error for a damaged file, which is a plain DatabaseError."""
    return type(error) is sqlite3.DatabaseError


def _ignore_in_git(folder: Path) -> None:
    marker = folder / ".gitignore"
    if not marker.exists():
        marker.write_text("# made by evalkit\n*\n")
