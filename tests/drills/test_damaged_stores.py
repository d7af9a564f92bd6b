"""Damaged stores: evalkit reads them, repairs what it may, or says what is wrong and what to do.

Whatever the damage, no command ends in a traceback, and no run on a damaged store shows other
scores than a run on a new one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sqlite3
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit import cli, evaluate
from evalkit.errors import EvalkitError
from tests.drills.tally import Tally

ROWS = 150
Damage = Callable[[Path], Any]
"""Damages the store in a folder. May return a context manager that holds while it is used."""


def application(prompt: Any) -> str:
    return str(int(prompt[-1]["content"].split()[-1]) % 7)


application.evalkit_fingerprint = "1"  # type: ignore[attr-defined]
SUITE = {
    "suite": "many",
    "task": "qa",
    "data": {
        "target": "a",
        "rows": [{"id": f"n{i}", "n": i, "a": str(i % 5), "pad": "x" * 400} for i in range(ROWS)],
    },
    "prompts": {"p": "{{ pad }} number {{ n }}"},
    "metrics": ["exact_match"],
    "gates": ["exact_match >= 0.1"],
}


def run(store: Path) -> Any:
    return evaluate(SUITE, {"app": application}, store=store, root=store.parent)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good store with one run, all of it in ``store.sqlite``."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    run(folder)
    with sqlite3.connect(folder / "store.sqlite") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


# damages


def file_of(folder: Path) -> Path:
    return folder / "store.sqlite"


def truncated(fraction: float) -> Damage:
    return lambda folder: os.truncate(
        file_of(folder), int(file_of(folder).stat().st_size * fraction)
    )


def overwritten(start: int, size: int, byte: int) -> Damage:
    def damage(folder: Path) -> None:
        with file_of(folder).open("r+b") as file:
            file.seek(start)
            file.write(bytes([byte]) * size)

    return damage


def flipped(seed: int) -> Damage:
    """A hundred random bits are other ones."""

    def damage(folder: Path) -> None:
        rng = random.Random(seed)
        content = bytearray(file_of(folder).read_bytes())
        for _ in range(100):
            content[rng.randrange(100, len(content))] ^= 1 << rng.randrange(8)
        file_of(folder).write_bytes(bytes(content))

    return damage


def replaced(content: bytes) -> Damage:
    return lambda folder: file_of(folder).write_bytes(content) and None


def sql(*statements: str) -> Damage:
    def damage(folder: Path) -> None:
        with contextlib.closing(sqlite3.connect(file_of(folder))) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()

    return damage


def body(table: str, value: Any, *, packed: bool = True) -> Damage:
    """Every body of a table is replaced by a JSON value, or by bytes."""

    def damage(folder: Path) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        stored = b"z" + zlib.compress(content) if packed else content
        with contextlib.closing(sqlite3.connect(file_of(folder))) as db:
            db.execute(f"UPDATE {table} SET body = ?", (stored,))
            db.commit()

    return damage


def directory_in_its_place(folder: Path) -> None:
    file_of(folder).unlink()
    file_of(folder).mkdir()


def file_in_place_of_the_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file")


def dangling_link(folder: Path) -> None:
    file_of(folder).unlink()
    file_of(folder).symlink_to(folder / "nowhere" / "store.sqlite")


def endless_link(folder: Path) -> None:
    file_of(folder).unlink()
    file_of(folder).symlink_to(file_of(folder))


def pipe_in_its_place(folder: Path) -> None:
    file_of(folder).unlink()
    os.mkfifo(file_of(folder))


def garbage_beside_it(name: str) -> Damage:
    return lambda folder: (folder / name).write_bytes(random.Random(1).randbytes(50_000)) and None


def read_only(folder: Path) -> Any:
    @contextlib.contextmanager
    def held() -> Iterator[None]:
        for path in (*folder.iterdir(), folder):
            path.chmod(path.stat().st_mode & ~0o222)
        yield
        for path in (folder, *folder.iterdir()):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)

    return held()


DAMAGES: dict[str, Damage] = {
    "an empty file": truncated(0.0),
    "the header alone": truncated(0.001),
    "half a file": truncated(0.5),
    "without its last page": truncated(0.98),
    "zeros for a header": overwritten(0, 100, 0),
    "garbage for a header": overwritten(0, 100, 0xA5),
    "a page of zeros": overwritten(8192, 4096, 0),
    "all pages but the first": overwritten(4096, 1 << 20, 0xFF),
    "random bits": flipped(1),
    "other random bits": flipped(2),
    "more random bits": flipped(3),
    "a text": replaced(b"not a database, by far not a database" * 100),
    "an archive": replaced(b"PK\x03\x04" + bytes(5000)),
    "a newer format": sql("PRAGMA user_version=99"),
    "a negative format": sql("PRAGMA user_version=-7"),
    "no table of responses": sql("DROP TABLE responses"),
    "no table of cells": sql("DROP VIEW scores", "DROP TABLE cells"),
    "no table of samples": sql("DROP TABLE samples"),
    "no tables at all": sql(
        "DROP VIEW scores", "DROP TABLE responses", "DROP TABLE cells", "DROP TABLE samples",
        "DROP TABLE runs", "DROP TABLE fingerprints",
    ),
    "a table of other columns": sql("DROP TABLE samples", "CREATE TABLE samples (a, b)"),
    "responses without samples": sql("DELETE FROM samples"),
    "samples without responses": sql("DELETE FROM responses"),
    "cells without a run": sql("DELETE FROM runs"),
    "a run without cells": sql("DELETE FROM cells"),
    "responses that are lists": body("responses", [1, 2, 3]),
    "responses that are null": body("responses", None),
    "responses of other keys": body("responses", {"status": "ok", "answer": "5"}),
    "responses of an unknown status": body("responses", {"status": "splendid", "text": "5"}),
    "responses that are numbers": body("responses", {"status": "ok", "text": 5}),
    "responses that only claim compression": body("responses", b'z{"status": "ok"}', packed=False),
    "responses nested 50,000 deep": body("responses", b"[" * 50_000 + b"]" * 50_000),
    "a bomb of responses": body("responses", b'"' + b"x" * 30_000_000 + b'"'),
    "runs that are lists": body("runs", [1]),
    "runs of other keys": body("runs", {"models": 7, "suites": "all"}),
    "samples of other keys": body("samples", {"id": 5, "fields": [1]}),
    "cells of other keys": body("cells", {"scores": [1], "n": "many"}, packed=False),
    "cells that are no JSON": body("cells", b"{nothing", packed=False),
    "text where bytes are expected": sql("UPDATE responses SET body = 'text'"),
    "null where bytes are expected": sql(
        "CREATE TABLE r2 AS SELECT * FROM responses", "DROP TABLE responses",
        "ALTER TABLE r2 RENAME TO responses", "UPDATE responses SET body = NULL",
    ),
    "a status of a run that is unknown": sql("UPDATE runs SET status = 'asleep', started = '???'"),
    "a directory in its place": directory_in_its_place,
    "a file in place of the folder": file_in_place_of_the_folder,
    "a link to nothing": dangling_link,
    "a link to itself": endless_link,
    "garbage for a WAL": garbage_beside_it("store.sqlite-wal"),
    "garbage for its shared memory": garbage_beside_it("store.sqlite-shm"),
    "garbage for a journal": garbage_beside_it("store.sqlite-journal"),
    "garbage for its lock": garbage_beside_it("open.sqlite"),
    "read-only": read_only,
}  # fmt: skip


def command(*arguments: str) -> tuple[int, str]:
    """Exit status and standard error of an evalkit command. Anything it raises, it raises here."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    return status, err.getvalue()


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_store(name: str, whole: Path, tmp_path: Path, tally: Tally) -> None:
    with tally.attempt("damaged stores"):
        for use in (use_by_commands, use_by_a_run):
            folder = tmp_path / use.__name__ / "store"
            shutil.copytree(whole, folder)
            held = DAMAGES[name](folder)
            with held if hasattr(held, "__enter__") else contextlib.nullcontext():
                use(folder)


def use_by_commands(folder: Path) -> None:
    """Every command works, or exits with status 2 and a message that names the store."""
    target = folder.parent
    for arguments in (
        ("runs",),
        ("report", "-o", str(target / "report.html")),
        ("report", "-o", str(target / "run.json")),
        ("export", "-o", str(target / "samples.csv")),
    ):
        status, err = command(*arguments, "--store", str(folder))
        assert status in (0, 2), f"{arguments}: {status} {err}"
        if status == 2:
            assert err.strip(), arguments
            assert "Traceback" not in err


def use_by_a_run(folder: Path) -> None:
    """A run on the store has the scores of any other, or says why it cannot use the store."""
    error: EvalkitError | None = None
    try:
        found = run(folder)
    except EvalkitError as raised:
        error = raised
    if error is not None:
        assert "store" in str(error)
        return
    score = found.record.cells[0].scores["exact_match"]
    right = sum(i % 7 == i % 5 for i in range(ROWS))
    assert score.value == right / ROWS
    assert score.n == ROWS


def test_a_store_that_another_process_locks(whole: Path, tmp_path: Path, tally: Tally) -> None:
    """It can be read meanwhile."""
    with tally.attempt("damaged stores"):
        folder = tmp_path / "store"
        shutil.copytree(whole, folder)
        with contextlib.closing(sqlite3.connect(file_of(folder), isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            assert command("runs", "--store", str(folder))[0] == 0
            db.execute("ROLLBACK")
