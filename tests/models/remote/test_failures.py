"""What a server's refusal means, and how long to wait."""

from __future__ import annotations

import pytest

from evalkit.models.remote.failures import retry_after

pytest.importorskip("httpx")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_as_seconds_and_as_a_date(header: str | None, seconds: float | None) -> None:
    from datetime import datetime, timezone

    now = datetime(1994, 11, 6, 8, 49, 37, tzinfo=timezone.utc)
    assert retry_after(header, now) == seconds
