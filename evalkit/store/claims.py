"""Claims: which process asks which question, so that several on one store share the work.

A claimant holds claims only while it asks, never while it waits for another, so no two can wait
for each other. Its claims end with it: at once where its process is gone on this machine, else when
its heart has not beaten for a while.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evalkit.store.process import Process, is_gone, this_process
from evalkit.store.store import Store

STALE = 60.0
"""Seconds without a heartbeat after which a claimant is taken for dead."""
# Claims mean nothing once their processes have ended: they are no part of the store's format.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, claimant TEXT NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS claimants (id TEXT PRIMARY KEY, host TEXT NOT NULL,"
    " pid INTEGER NOT NULL, started TEXT NOT NULL, beat REAL NOT NULL) WITHOUT ROWID",
)


class Claimed(NamedTuple):
    """Keys by who has them: claimed now, answered in the store, being asked by another claimant."""

    mine: list[str]
    answered: set[str]
    theirs: list[str]


class Claims:
    """The claims of one claimant. Methods raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._id = uuid.uuid4().hex
        self._process = this_process()
        self._beats: dict[str, tuple[float, float]] = {}
        self._registered = False

    def take(self, keys: Sequence[str], *, force: bool = False) -> Claimed:
        """Claim the keys that nobody has answered or claimed.

        force: also those that others claimed, who are taken for stuck.
        """
        with self._store.transaction():
            if not self._registered:
                for statement in _TABLES:
                    self._store.change(statement)
                self._registered = True
            self.beat()
            self._remove_ended()
            answered = self._store.answered(keys)
            wanted = [key for key in keys if key not in answered]
            rows = [(key, self._id) for key in wanted]
            kind = "REPLACE" if force else "IGNORE"
            added = self._store.change(f"INSERT OR {kind} INTO claims VALUES (?, ?)", rows)
            if added == len(wanted):
                return Claimed(wanted, answered, [])
            claimants = dict(self._store.of_keys(_CLAIMANTS, wanted))
        mine = [key for key in wanted if claimants[key] == self._id]
        theirs = [key for key in wanted if claimants[key] != self._id]
        return Claimed(mine, answered, theirs)

    def beat(self) -> None:
        """Show that this claimant is alive, once it has claimed something."""
        if self._registered:
            values = [(self._id, *self._process, time.time())]
            self._store.change("INSERT OR REPLACE INTO claimants VALUES (?, ?, ?, ?, ?)", values)

    def release(self, keys: Iterable[str]) -> None:
        """Give up claims: the questions were asked, and have no answer to keep."""
        with self._store.transaction():
            self._store.change(
                "DELETE FROM claims WHERE key = ? AND claimant = ?",
                [(key, self._id) for key in keys],
            )

    def close(self) -> None:
        """Give up every claim."""
        if self._registered:
            with self._store.transaction():
                self._remove(self._id)
            self._registered = False

    def _remove(self, claimant: str) -> None:
        self._store.change("DELETE FROM claims WHERE claimant = ?", [(claimant,)])
        self._store.change("DELETE FROM claimants WHERE id = ?", [(claimant,)])

    def _remove_ended(self) -> None:
        now = time.monotonic()
        for identity, *process, beat in self._store.rows("SELECT * FROM claimants"):
            # Another machine's clock may differ: what counts is whether the beat still changes.
            last, since = self._beats.get(identity, (None, now))
            if beat != last:
                self._beats[identity] = (beat, now)
            if identity != self._id and (is_gone(Process(*process)) or now - since > STALE):
                self._remove(identity)


_CLAIMANTS = "SELECT key, claimant FROM claims"
