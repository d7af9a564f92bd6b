"""The run store and the response cache: one SQLite file, ``.evalkit/store.sqlite``.

Responses are committed in batches as they arrive; cells, scores and samples when the cell is
decided. The store never receives secrets.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalkit.errors import UnknownRunError, UsageError
from evalkit.exchange import Response, Status
from evalkit.records import CellRecord, RunRecord, SampleRecord
from evalkit.records.shape import check_shape
from evalkit.store.database import Database
from evalkit.store.keys import digest
from evalkit.store.process import Process, is_gone, this_process
from evalkit.store.serialization import (
    cell_body,
    from_response,
    pack,
    response_keys,
    run_body,
    sample_body,
    to_response,
    to_run,
    to_sample,
    unpack,
)


class Store(Database):
    """An open store. Use it as a context manager, or ``close`` it.

    A process has one writer at a time; several processes may share the file. Methods raise
    StoreError if the file cannot be read or written.
    """

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # responses

    def answered(self, keys: Sequence[str]) -> set[str]:
        """The keys that have a response."""
        return {row[0] for row in self.of_keys("SELECT key FROM responses", keys)}

    def responses(self, keys: Sequence[str]) -> dict[str, Response]:
        """The responses by key; keys without one are missing."""
        rows = self.of_keys("SELECT key, body FROM responses", keys)
        with self.reading():
            return {key: to_response(unpack(body)) for key, body in rows}

    def of_keys(self, select: str, keys: Sequence[str]) -> Iterator[Any]:
        """The rows of a table with these keys. select: a query without conditions."""
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            yield from self.rows(f"{select} WHERE key IN ({marks})", part)

    def add_responses(self, run: str, batch: Iterable[tuple[str, Response]]) -> None:
        """Commit a batch. Errors are not stored: the same request may succeed next time.

        The first response to a request stands, also when another process answers it as well.
        """
        now = time.time()
        rows = [
            (key, run, now, pack(from_response(response)))
            for key, response in batch
            if response.status is not Status.ERROR
        ]
        with self.transaction():
            self._db.executemany("INSERT OR IGNORE INTO responses VALUES (?, ?, ?, ?)", rows)

    def add_fingerprint(self, model: str, fingerprint: Mapping[str, Any]) -> None:
        """Store a fingerprint, so that a cache miss can be explained."""
        body = pack(dict(fingerprint))
        with self.transaction():
            self._db.execute(
                "INSERT INTO fingerprints VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET created = excluded.created",
                (digest(dict(fingerprint)), model, time.time(), body),
            )

    def fingerprints(self, model: str) -> list[tuple[str, dict[str, Any]]]:
        """The fingerprints of a model by name, with their digests, the most recent first."""
        rows = self.rows(
            "SELECT id, body FROM fingerprints WHERE model = ? ORDER BY created DESC", (model,)
        )
        with self.reading():
            return [(identity, unpack(body)) for identity, body in rows]

    def seen(self) -> list[tuple[float, str, dict[str, Any]]]:
        """Every fingerprint with the time it was last seen and its digest, the most recent first.

        Times are in seconds since 1970.
        """
        rows = self.rows("SELECT created, id, body FROM fingerprints ORDER BY created DESC", ())
        with self.reading():
            return [(created, identity, unpack(body)) for created, identity, body in rows]

    # runs

    def begin_run(self, run: RunRecord) -> None:
        """Store a run that starts, with this process as its owner.

        A run with the same id stays as it is: it belongs to a parallel worker that did not finish.
        """
        with self.transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
                (run.id, run.started, None, run.status, None, pack(run_body(run))),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?)", (run.id, *this_process())
            )

    def end_run(self, run: RunRecord) -> None:
        """Store the end of a run, with its final records of suites and models."""
        with self.transaction():
            self._db.execute(
                "UPDATE runs SET finished = ?, status = ?, body = ? WHERE id = ?",
                (run.finished, run.status, pack(run_body(run)), run.id),
            )
            self._db.execute("DELETE FROM processes WHERE run = ?", (run.id,))
        self.fold()

    def label_run(self, run: str, label: str) -> None:
        """Label a run; an older run with this label loses it.

        Raises UsageError for a reserved label (see ``check_label``).
        """
        check_label(label)
        with self.transaction():
            self._db.execute("UPDATE runs SET label = NULL WHERE label = ?", (label,))
            self._db.execute("UPDATE runs SET label = ? WHERE id = ?", (label, run))
        self.fold()

    def add_cell(
        self, run: str, position: int, cell: CellRecord, keys: Sequence[Sequence[str | None]]
    ) -> None:
        """Store a decided cell with its samples. keys: of each answer's response, or None."""
        where = (run, cell.suite, cell.model, cell.prompt)
        body = cell_body(cell)
        rows = [
            (*where, index, of_sample[sample.shown], pack(sample_body(sample, of_sample)))
            for index, (sample, of_sample) in enumerate(zip(cell.samples, keys, strict=True))
        ]
        with self.transaction():
            self._db.execute(
                "DELETE FROM samples WHERE run=? AND suite=? AND model=? AND prompt=?", where
            )
            self._db.execute(
                "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?)",
                (run, position, *where[1:], json.dumps(body)),
            )
            self._db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def update_cell(self, run: str, position: int, cell: CellRecord) -> None:
        """Update a cell without its samples."""
        body = json.dumps(cell_body(cell))
        with self.transaction():
            self._db.execute(
                "UPDATE cells SET position = ?, body = ?"
                " WHERE run = ? AND suite = ? AND model = ? AND prompt = ?",
                (position, body, run, cell.suite, cell.model, cell.prompt),
            )

    def run(self, name: str = "last", *, samples: bool = True) -> RunRecord:
        """A run with its cells, by its id, the start of its id, its label, or ``last``.

        ``last`` is the most recent finished run, or else the most recent one. samples: whether the
        cells have their samples. Raises UnknownRunError, which lists the existing runs, and
        UsageError if the name is ambiguous.
        """
        identity = self._find(name)
        (row,) = self.rows(f"SELECT {_HEAD}, runs.body FROM {_RUNS} WHERE runs.id = ?", (identity,))
        with self.reading():
            cells = self.rows("SELECT body FROM cells WHERE run = ? ORDER BY position", (identity,))
            run = to_run(_head(row), unpack(row[-1]), [json.loads(cell) for (cell,) in cells])
            check_shape([run], RunRecord)
        for cell in run.cells if samples else ():
            cell.samples = self.samples(identity, (cell.suite, cell.model, cell.prompt))
        return run

    def last_run_with(self, cell: tuple[str, str, str]) -> RunRecord | None:
        """The most recent run with this cell (suite, model, prompt); the run has no cells."""
        found = self.rows(
            f"SELECT {_HEAD}, runs.body FROM {_RUNS} JOIN cells ON cells.run = runs.id"
            " WHERE suite = ? AND model = ? AND prompt = ? ORDER BY runs.started DESC LIMIT 1",
            cell,
        )
        with self.reading():
            return next((to_run(_head(row), unpack(row[-1])) for row in found), None)

    def run_status(self, identity: str) -> str | None:
        """``running``, ``killed``, ``finished`` or ``interrupted``; None for an unknown run."""
        found = self.rows(f"SELECT {_HEAD} FROM {_RUNS} WHERE runs.id = ?", (identity,))
        return next((_head(row)[3] for row in found), None)

    def _find(self, name: str) -> str:
        if name == "last":
            query = (
                "SELECT id FROM runs ORDER BY status = 'finished' DESC, started DESC, rowid DESC"
                " LIMIT 1"
            )
            rows = self.rows(query)
        else:
            query = "SELECT id FROM runs WHERE label = ? OR id = ?"
            rows = self.rows(query, (name, name))
            if not rows and len(name) >= 4:
                query = "SELECT id FROM runs WHERE substr(id, 1, ?) = ? LIMIT 2"
                rows = self.rows(query, (len(name), name))
        if len(rows) == 1:
            return str(rows[0][0])
        if rows:
            raise UsageError(f"several runs start with '{name}'; use more characters of the id")
        raise UnknownRunError(f"{self.path}: no run '{name}' (existing runs: {self._listed()})")

    def _listed(self) -> str:
        shown = [f"{r['id']} ({r['label']})" if r["label"] else r["id"] for r in self.runs()[:8]]
        return ", ".join(shown) or "none"

    def runs(self) -> list[dict[str, Any]]:
        """Id, start, end, status, label and number of cells of every run, the most recent first."""
        found = self.rows(
            f"SELECT {_HEAD}, label, (SELECT count(*) FROM cells WHERE cells.run = runs.id)"
            f" FROM {_RUNS} ORDER BY runs.started DESC, runs.rowid DESC"
        )
        names = ("id", "started", "finished", "status", "label", "cells")
        return [dict(zip(names, (*_head(row), *row[-2:]), strict=True)) for row in found]

    def samples(self, run: str, cell: tuple[str, str, str]) -> list[SampleRecord]:
        """The samples of a cell (suite, model, prompt) of a run, in the order of the data."""
        rows = self.rows(
            "SELECT body, response FROM samples"
            " WHERE run = ? AND suite = ? AND model = ? AND prompt = ? ORDER BY position",
            (run, *cell),
        )
        samples: list[SampleRecord] = []
        with self.reading():
            for start in range(0, len(rows), 500):
                samples += self._with_responses(rows[start : start + 500])
            check_shape(samples, SampleRecord)
        return samples

    def _with_responses(self, rows: Sequence[Any]) -> Iterator[SampleRecord]:
        """Samples from rows of body and response key."""
        bodies = [(unpack(body), key) for body, key in rows]
        keys = {key for body, old in bodies for key in (*response_keys(body), old) if key}
        found = self.of_keys("SELECT key, body FROM responses", list(keys))
        responses = {key: unpack(body) for key, body in found}
        return (to_sample(body, responses, key) for body, key in bodies)


_RUNS = "runs LEFT JOIN processes p ON p.run = runs.id"
_HEAD = "runs.id, runs.started, finished, status, p.host, p.pid, p.started"


def _head(row: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
    """Id, start, end and status of a run from the columns ``_HEAD``.

    A run with status ``running`` whose process is gone was killed.
    """
    identity, started, finished, status, host, pid, since = row[:7]
    if status == "running" and host is not None and is_gone(Process(host, pid, since)):
        status = "killed"
    return identity, started, finished, status


def check_label(label: str) -> None:
    """Raise UsageError for a label that would not find its run."""
    why = ""
    if not label.strip():
        why = "is empty"
    elif label == "last":
        why = "means the most recent run"
    elif re.fullmatch(r"\d{8}-\d{6}(-[0-9a-f]*)?", label):
        why = "looks like the id of a run"
    elif label.endswith(".json"):
        why = "looks like a file"
    if why:
        raise UsageError(f"a run cannot be labelled '{label}': it {why}; choose another label")
