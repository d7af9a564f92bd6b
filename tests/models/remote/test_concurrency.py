"""How many requests are under way at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evalkit.models.remote.concurrency import ConcurrencyLimiter
from tests.models.remote.test_client import ask
from tests.models.serving import Reply, chat

pytest.importorskip("httpx")


def test_concurrency_grows_without_failures(declare: Any) -> None:
    _, server = ask(declare, lambda *call: Reply(chat("x").body, after=0.1), 120, max_concurrency=9)
    assert 4 < server.most <= 9


def test_concurrency_halves_once_per_round() -> None:
    async def run() -> list[float]:
        pace = ConcurrencyLimiter(64)
        limits = [pace.limit]
        for _ in range(12):
            pace.on_success()
        limits.append(pace.limit)  # the slow start: one more for each answer
        async with pace.slot() as first, pace.slot() as second:
            pace.on_overload(first)
            pace.on_overload(second)  # sent before the pace was known to be too high
        limits.append(pace.limit)
        for _ in range(8):
            pace.on_success()
        limits.append(pace.limit)  # from now on about one more for a whole round
        for _ in range(9):
            async with pace.slot() as each:
                pace.on_overload(each)
        return [*limits, pace.limit]

    start, grown, halved, slowly, least = asyncio.run(run())
    assert (start, grown, halved, least) == (4, 16, 8, 1)
    assert 8.9 < slowly < 9
