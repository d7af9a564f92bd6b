"""The event loop in which requests to servers run.

There is one per process: client libraries keep connections open between calls, some of them
(LangChain's) for all models together, and a connection belongs to the loop that opened it.
"""

from __future__ import annotations

import asyncio
import threading


class BackgroundLoop:
    """An event loop in a background thread, started on first use."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """The running loop. A forked process starts its own."""
        with self._starting:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="evalkit-remote", daemon=True
                )
                self._thread.start()
            return self._loop


LOOP = BackgroundLoop()
"""The loop of this process."""
