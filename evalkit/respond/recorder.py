"""Keeps responses as they arrive: in the store at the latest a second later, whatever happens.

While a model works, a thread stores what has arrived and keeps the claims alive (see
``evalkit.store.claims``). Ctrl-C, an error and SIGTERM store what is in memory first.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from evalkit.errors import StoreError
from evalkit.exchange import Response, Status
from evalkit.store import Claimed, Claims, Store

AT_ONCE = 0.1
"""Seconds since the last commit after which a response is committed as it arrives."""
LATEST = 0.5
"""Seconds after which the thread commits the responses that are in memory."""
HEARTBEAT = 2.0
"""Seconds between heartbeats."""
GRACE = 5.0
"""Seconds after SIGTERM in which the work may end by itself."""
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """The process is asked to end (SIGTERM, or SIGHUP: its terminal is gone)."""


class Recorder:
    """Records the responses of one model for a run. Use it as a context manager.

    On exit, the responses in memory are stored and the claims given up; after SIGTERM the
    process then ends as that signal ends it.
    """

    def __init__(self, store: Store, run: str) -> None:
        self._store = store
        self._run = run
        self._claims = Claims(store)
        self._pending: list[tuple[str, Response]] = []
        self._lock = threading.RLock()
        self._committed = self._beaten = time.monotonic()
        self._ended = threading.Event()
        self._failure: StoreError | None = None
        self._thread = threading.Thread(target=self._keep, name="evalkit-recorder", daemon=True)
        self._signal: int | None = None
        self._signalled = 0.0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Recorder:
        self._handle_signals()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._ended.set()
            self._store_rest(kind)
        finally:
            for number, former in self._former.items():
                signal.signal(number, former)
            if self._signal is not None:
                os.kill(os.getpid(), self._signal)

    def _store_rest(self, kind: type[BaseException] | None) -> None:
        try:
            try:
                self.flush()
            except KeyboardInterrupt:
                self.flush()
                raise
            self._thread.join()
            self._claims.close()
        except StoreError:
            if kind is None:  # else the error that ended the work is the one to report
                raise

    def claim(self, keys: Sequence[str], *, force: bool = False) -> Claimed:
        """Claim questions before they are asked; see ``Claims.take``."""
        return self._claims.take(keys, force=force)

    def add(self, batch: Sequence[tuple[str, Response]]) -> None:
        """Keep responses. Raises StoreError if responses cannot be stored."""
        if self._signal is not None:  # an application caught what the signal raised
            raise Terminated
        with self._lock:
            self._pending += batch
        if self._failure is not None:
            raise self._failure
        if time.monotonic() - self._committed >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Store the responses in memory."""
        with self._lock:
            if not self._pending:
                return
            batch = list(self._pending)
            self._store.add_responses(self._run, batch)
            # Only now: if it was interrupted, they are stored at the next attempt.
            del self._pending[: len(batch)]
            self._committed = time.monotonic()
            failed = [key for key, response in batch if response.status is Status.ERROR]
            if failed:
                self._claims.release(failed)

    def _keep(self) -> None:
        while not self._ended.wait(LATEST / 2):
            now = time.monotonic()
            try:
                if now - self._committed >= LATEST:
                    self.flush()
                if now - self._beaten >= HEARTBEAT:
                    self._claims.beat()
                    self._beaten = now
            except StoreError as error:
                self._failure = error
                return
            if self._signal is not None and now - self._signalled >= GRACE:
                with suppress(StoreError):
                    self.flush()
                os._exit(128 + self._signal)

    def _handle_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._former[number] = signal.signal(number, self._terminate)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._signal, self._signalled = number, time.monotonic()
        raise Terminated
