"""The run store and the response cache: one SQLite file, ``.evalkit/store.sqlite``.

Responses are committed batch by batch, as they come; cells, their scores and their samples
when they are decided. Bodies are JSON (compressed when long); there is no pickle, and
nothing secret is ever given to this room.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from evalkit.errors import StoreError, UsageError
from evalkit.exchange import Request, Response, Status
from evalkit.records import (
    CellRecord,
    CheckRecord,
    GateRecord,
    ModelRecord,
    RunRecord,
    SampleRecord,
    ScoreRecord,
    SuiteRecord,
)

_VERSION = 1
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


def digest(value: object) -> str:
    """SHA-256 (hex) of a JSON value in canonical form: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def response_key(fingerprint: str, request: Request, salt: str = "") -> str:
    """The cache key of a request: all that determines its answer, and nothing else.

    fingerprint: digest of the model's fingerprint. The seed counts only when sampling,
    generation parameters only when generating. salt: set when answers must not be shared
    (``--eval-no-cache``, models whose identity cannot be known).
    """
    generation = request.generation
    parts: list[object] = [fingerprint, request.prompt, request.repeat, salt]
    if request.reading is not None:
        parts.append(["reading", request.reading.window, request.reading.stride])
    elif request.choices:
        parts.append(request.choices)
    else:
        parameters = {f.name: getattr(generation, f.name) for f in fields(generation)}
        if generation.temperature == 0:
            for unused in ("seed", "top_k", "top_p"):
                parameters.pop(unused)
        parts.append(parameters)
    return digest(parts)


class Store:
    """An open store. Use as a context manager, or ``close`` it.

    One writer at a time per process; several processes may share the file (WAL).
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _ignore_in_git(folder)
            self._db = sqlite3.connect(
                self.path, timeout=60, isolation_level=None, check_same_thread=False
            )
            # SQLite does not wait when two processes switch to WAL at once.
            with self.lock("open"):
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self.path}: cannot open the run store: {error}."
                " Choose another folder with --eval-store, or move this one away"
            ) from error

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise StoreError(
                f"{self.path}: written by a newer evalkit (format {version}, this one knows"
                f" {_VERSION}). Upgrade evalkit or choose another folder with --eval-store"
            )
        if version < _VERSION:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={_VERSION}")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            raise StoreError(
                f"{self.path}: cannot write: {error}. What was committed before is safe;"
                " free space or choose another folder with --eval-store, then run the same"
                " command to go on"
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
        """Held by one process at a time, and let go when that process ends, however it ends.

        name: what is locked; parallel workers hold ``lock`` for a whole run. An open
        transaction on a small database beside the store: it works wherever SQLite does, and the
        operating system releases it after a crash.
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

    # responses

    def answered(self, keys: Sequence[str]) -> set[str]:
        """Which of these keys have a response."""
        return {row[0] for row in self._select_in("SELECT key FROM responses", keys)}

    def responses(self, keys: Sequence[str]) -> dict[str, Response]:
        """The responses of these keys; a key without one is left out."""
        rows = self._select_in("SELECT key, body FROM responses", keys)
        return {key: _to_response(_unpack(body)) for key, body in rows}

    def _select_in(self, select: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            yield from self._db.execute(f"{select} WHERE key IN ({marks})", part)

    def add_responses(self, run: str, batch: Iterable[tuple[str, Response]]) -> None:
        """Commit a batch. Errors are not kept: the same request may succeed next time."""
        now = time.time()
        rows = [
            (key, run, now, _pack(_from_response(response)))
            for key, response in batch
            if response.status is not Status.ERROR
        ]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)", rows)

    def add_fingerprint(self, model: str, fingerprint: Mapping[str, Any]) -> None:
        """Remember what a fingerprint digest stands for, so that a miss can be explained."""
        body = _pack(dict(fingerprint))
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO fingerprints VALUES (?, ?, ?, ?)",
                (digest(dict(fingerprint)), model, time.time(), body),
            )

    def fingerprints(self, model: str) -> list[tuple[str, dict[str, Any]]]:
        """Fingerprints seen under a model's name, newest first, with their digests."""
        rows = self._db.execute(
            "SELECT id, body FROM fingerprints WHERE model = ? ORDER BY created DESC", (model,)
        )
        return [(identity, _unpack(body)) for identity, body in rows]

    # runs

    def begin_run(self, run: RunRecord) -> None:
        """Write a run that starts. A run of the same id stays as it is (a parallel worker's)."""
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
                (run.id, run.started, None, run.status, None, _pack(_run_body(run))),
            )

    def end_run(self, run: RunRecord) -> None:
        """Write how a run ended, with what is now known of its suites and models."""
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET finished = ?, status = ?, body = ? WHERE id = ?",
                (run.finished, run.status, _pack(_run_body(run)), run.id),
            )

    def label_run(self, run: str, label: str) -> None:
        """Give a run a name to find it by; an older run of that name loses it.

        Raises UsageError for a name that means something else (see ``check_label``).
        """
        check_label(label)
        with self._transaction():
            self._db.execute("UPDATE runs SET label = NULL WHERE label = ?", (label,))
            self._db.execute("UPDATE runs SET label = ? WHERE id = ?", (label, run))

    def add_cell(
        self, run: str, position: int, cell: CellRecord, keys: Sequence[str | None]
    ) -> None:
        """Write a decided cell with its samples; keys: the response of each sample, or None."""
        where = (run, cell.suite, cell.model, cell.prompt)
        body = asdict_shallow(cell, without=("samples",))
        rows = [
            (*where, index, key, _pack(_sample_body(sample, with_response=key is None)))
            for index, (sample, key) in enumerate(zip(cell.samples, keys, strict=True))
        ]
        with self._transaction():
            self._db.execute(
                "DELETE FROM samples WHERE run=? AND suite=? AND model=? AND prompt=?", where
            )
            self._db.execute(
                "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?)",
                (run, position, *where[1:], json.dumps(body)),
            )
            self._db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def update_cell(self, run: str, position: int, cell: CellRecord) -> None:
        """Write a cell again, its samples left as they are."""
        body = json.dumps(asdict_shallow(cell, without=("samples",)))
        with self._transaction():
            self._db.execute(
                "UPDATE cells SET position = ?, body = ?"
                " WHERE run = ? AND suite = ? AND model = ? AND prompt = ?",
                (position, body, run, cell.suite, cell.model, cell.prompt),
            )

    def run(self, name: str = "last", *, samples: bool = True) -> RunRecord:
        """A run by its id, the start of its id, its label, or ``last``; with its cells.

        ``last`` is the last that was finished, if any was.

        Raises UsageError naming the runs there are.
        """
        identity = self._find(name)
        row = self._db.execute(
            "SELECT id, started, finished, status, body FROM runs WHERE id = ?", (identity,)
        ).fetchone()
        run = _to_run(row[:4], _unpack(row[4]))
        rows = self._db.execute(
            "SELECT body FROM cells WHERE run = ? ORDER BY position", (identity,)
        ).fetchall()
        for (body,) in rows:
            cell = _to_cell(json.loads(body))
            if samples:
                cell.samples = self.samples(identity, (cell.suite, cell.model, cell.prompt))
            run.cells.append(cell)
        return run

    def last_run_with(self, cell: tuple[str, str, str]) -> RunRecord | None:
        """The newest run that has this cell (suite, model, prompt), without its cells."""
        row = self._db.execute(
            "SELECT id, started, finished, status, runs.body FROM runs JOIN cells"
            " ON cells.run = runs.id WHERE suite = ? AND model = ? AND prompt = ?"
            " ORDER BY started DESC LIMIT 1",
            cell,
        ).fetchone()
        return _to_run(row[:4], _unpack(row[4])) if row else None

    def run_status(self, identity: str) -> str | None:
        """``running``, ``finished``, ``interrupted``; None when there is no such run."""
        row = self._db.execute("SELECT status FROM runs WHERE id = ?", (identity,)).fetchone()
        return row[0] if row else None

    def _find(self, name: str) -> str:
        if name == "last":
            query = (
                "SELECT id FROM runs ORDER BY status = 'finished' DESC, started DESC, rowid DESC"
                " LIMIT 1"
            )
            rows = self._db.execute(query).fetchall()
        else:
            query = "SELECT id FROM runs WHERE label = ? OR id = ?"
            rows = self._db.execute(query, (name, name)).fetchall()
            if not rows and len(name) >= 4:
                query = "SELECT id FROM runs WHERE substr(id, 1, ?) = ? LIMIT 2"
                rows = self._db.execute(query, (len(name), name)).fetchall()
        if len(rows) == 1:
            return str(rows[0][0])
        if rows:
            raise UsageError(f"several runs start with '{name}'; give more of the id")
        raise UsageError(f"{self.path}: no run '{name}' (there are: {self._listed()})")

    def _listed(self) -> str:
        shown = [f"{r['id']} ({r['label']})" if r["label"] else r["id"] for r in self.runs()[:8]]
        return ", ".join(shown) or "none"

    def runs(self) -> list[dict[str, Any]]:
        """id, started, finished, status, label and number of cells of every run, newest first."""
        rows = self._db.execute(
            "SELECT id, started, finished, status, label,"
            " (SELECT count(*) FROM cells WHERE cells.run = runs.id)"
            " FROM runs ORDER BY started DESC, rowid DESC"
        )
        names = ("id", "started", "finished", "status", "label", "cells")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def samples(self, run: str, cell: tuple[str, str, str]) -> list[SampleRecord]:
        """The samples of one cell (suite, model, prompt) of a run, in the order of the data."""
        rows = self._db.execute(
            "SELECT s.body, r.body FROM samples s LEFT JOIN responses r ON r.key = s.response"
            " WHERE s.run = ? AND s.suite = ? AND s.model = ? AND s.prompt = ? ORDER BY position",
            (run, *cell),
        )
        return [_to_sample(_unpack(body), response) for body, response in rows]


def check_label(label: str) -> None:
    """Raise UsageError for a name under which a run would not be found again."""
    why = ""
    if not label.strip():
        why = "is empty"
    elif label == "last":
        why = "means the newest run"
    elif re.fullmatch(r"\d{8}-\d{6}(-[0-9a-f]*)?", label):
        why = "looks like the id of a run"
    elif label.endswith(".json"):
        why = "looks like a file"
    if why:
        raise UsageError(f"a run cannot be named '{label}': that {why}; choose another name")


def _ignore_in_git(folder: Path) -> None:
    marker = folder / ".gitignore"
    if not marker.exists():
        marker.write_text("# made by evalkit\n*\n")


# bodies: JSON, compressed when that pays


def _pack(value: object) -> bytes:
    raw = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return raw if len(raw) < 400 else b"z" + zlib.compress(raw, 1)


def _unpack(body: bytes) -> dict[str, Any]:
    raw = zlib.decompress(body[1:]) if body[:1] == b"z" else body
    value: dict[str, Any] = json.loads(raw)
    return value


_Record = TypeVar("_Record")
_RESPONSE_DEFAULTS = {
    f.name: f.default for f in fields(Response) if f.name not in ("status", "details")
}


def _from_response(response: Response) -> dict[str, Any]:
    body: dict[str, Any] = {"status": response.status.value}
    for name, default in _RESPONSE_DEFAULTS.items():
        value = getattr(response, name)
        if value != default:
            body[name] = value
    if response.details:
        body["details"] = dict(response.details)
    return body


def _to_response(body: dict[str, Any]) -> Response:
    body["status"] = Status(body["status"])
    for name in ("logprobs", "choice_tokens"):
        if name in body:
            body[name] = tuple(body[name])
    return Response(**body)


def asdict_shallow(record: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    """``dataclasses.asdict`` without the fields named (asdict would copy them first)."""
    body: dict[str, Any] = {}
    for field in fields(record):
        if field.name not in without:
            body[field.name] = _plain(getattr(record, field.name))
    return body


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _run_body(run: RunRecord) -> dict[str, Any]:
    return asdict_shallow(run, without=("id", "started", "finished", "status", "cells"))


def _to_run(head: Sequence[Any], body: dict[str, Any]) -> RunRecord:
    identity, started, finished, status = head
    return RunRecord(
        id=identity,
        started=started,
        finished=finished,
        status=status,
        provenance=body["provenance"],
        suites={name: _known(SuiteRecord, value) for name, value in body["suites"].items()},
        models={name: _known(ModelRecord, value) for name, value in body["models"].items()},
    )


def _known(kind: type[_Record], body: Mapping[str, Any]) -> _Record:
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in body.items() if key in names})


def _to_cell(body: dict[str, Any]) -> CellRecord:
    body["scores"] = {name: _known(ScoreRecord, s) for name, s in body["scores"].items()}
    body["gates"] = [_known(GateRecord, gate) for gate in body["gates"]]
    return _known(CellRecord, body)


# What a sample's record shares with its response is kept once, in the response. Status, error
# and details stay with the sample: scoring adds to them.
_FROM_RESPONSE = ("sent", "seconds", "prompt_tokens", "completion_tokens", "finish")


def _sample_body(sample: SampleRecord, *, with_response: bool) -> dict[str, Any]:
    without = () if with_response else (*_FROM_RESPONSE, "output")
    return asdict_shallow(sample, without=without)


def _to_sample(body: dict[str, Any], response: bytes | None) -> SampleRecord:
    if response is not None:
        kept = _unpack(response)
        body["output"] = kept.get("text", "")
        body.update((name, kept[name]) for name in _FROM_RESPONSE if name in kept)
    for name in ("sent", "output"):
        body.setdefault(name, "")
    body["checks"] = [_known(CheckRecord, check) for check in body["checks"]]
    return _known(SampleRecord, body)
