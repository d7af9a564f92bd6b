"""A damaged file is an error with advice; an older one is upgraded."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from evalkit.errors import StoreError
from evalkit.exchange import Response, Status
from evalkit.provenance import Provenance
from evalkit.records import RunRecord
from evalkit.store import Store

RUN = RunRecord("20260101-000000-aaaaaa", "2026-01-01T00:00:00", None, "running", Provenance())


def filled(folder: Path) -> Path:
    """A store with some hundred pages."""
    with Store(folder) as store:
        store.begin_run(RUN)
        texts = [(f"{i:04d}", Response(Status.OK, f"{i} " * 50)) for i in range(2000)]
        store.add_responses(RUN.id, texts)
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return store.path


def test_a_damaged_file_is_an_error_with_advice(tmp_path: Path) -> None:
    path = filled(tmp_path)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(bytes(content))
    damaged = r"store\.sqlite: the run store is damaged .*Move"
    with Store(tmp_path) as store, pytest.raises(StoreError, match=damaged):
        store.responses([f"{i:04d}" for i in range(2000)])


def test_a_damaged_body_is_an_error(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE responses SET body = X'7A00' WHERE key = '0007'")
    with Store(tmp_path) as store:
        assert len(store.responses(["0006"])) == 1
        with pytest.raises(StoreError, match="the run store is damaged"):
            store.responses(["0007"])


def test_other_files_than_databases_are_errors(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("not a database, by far not a database" * 100)
    with pytest.raises(StoreError, match=r"store\.sqlite: the run store is damaged"):
        Store(tmp_path)


def test_a_store_of_the_first_format_can_be_read(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE processes")
        db.execute("PRAGMA user_version=1")
    with Store(tmp_path) as store:
        assert store.run_status(RUN.id) == "running"  # who carried it out was not written then
        assert store.answered(["0001"]) == {"0001"}
