"""Addresses of servers."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.models.registry import resolve

pytest.importorskip("httpx")


@pytest.mark.parametrize("url", ["localhost:8000", "http://me:pw@host/v1", "http://h/v1?key=x"])
def test_secrets_in_addresses_are_rejected(declare: Any, url: str) -> None:
    with pytest.raises(SpecError, match="expected http"):
        resolve(declare("openai", model="m", base_url=url))
