"""The number of concurrent requests: it grows while a server responds and halves when it is busy.

Additive increase and multiplicative decrease with slow start, as in TCP's congestion control
(RFC 5681, section 3.1), counted in requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

START = 4
"""Concurrent requests at the start."""


class ConcurrencyLimiter:
    """Limits the number of concurrent requests.

    most: the highest limit. ``limit`` is the current one, at least 1.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(min(START, most))
        self._starting = True
        self._active = 0
        self._round = 0
        self._not_before = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Wait for a slot and hold it; yields the round, for ``on_overload``."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._active < int(self.limit))
            self._active += 1
        try:
            while (delay := self._not_before - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(delay)
            yield self._round
        finally:
            self._active -= 1
            async with self._changed:
                self._changed.notify_all()

    def on_success(self) -> None:
        """A request succeeded: raise the limit by one, after slow start by one per round."""
        self.limit = min(float(self.most), self.limit + (1 if self._starting else 1 / self.limit))

    def on_overload(self, round_: int, wait: float | None = None) -> None:
        """The server is overloaded: halve the limit, once for all requests of a round.

        wait: seconds in which no new request is sent.
        """
        if round_ == self._round:
            self._round += 1
            self._starting = False
            self.limit = max(1.0, self.limit / 2)
        if wait:
            until = asyncio.get_running_loop().time() + wait
            self._not_before = max(self._not_before, until)
