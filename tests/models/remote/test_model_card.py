"""What a server says about its model."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.models.registry import resolve
from evalkit.models.remote import model_card
from tests.models.serving import Reply, serve

pytest.importorskip("httpx")


def test_the_fingerprint_contains_the_servers_report(declare: Any) -> None:
    now = 1_800_000_000.0
    listed = {
        "data": [
            {"id": "other"},
            {"id": "m", "root": "/w", "created": now - 5, "permission": [{"id": "random"}]},
        ]
    }
    assert model_card.find_model_card(listed, "m", now) == {"id": "m", "root": "/w"}
    listed["data"][1]["created"] = now - 5000
    assert model_card.find_model_card(listed, "m", now) == {
        "id": "m",
        "root": "/w",
        "created": now - 5000,
    }
    assert model_card.find_model_card(listed, "absent", now) is None
    with serve(lambda *call: Reply({"data": [{"id": "m", "digest": "abc"}]})) as server:
        given = {"model": "m", "base_url": f"{server.url}/v1"}
        fingerprint = resolve(declare("openai", **given)).fingerprint()
        assert fingerprint is not None
        assert fingerprint["served"] == {"id": "m", "digest": "abc"}
        assert resolve(declare("openai", **given, version=2)).fingerprint() != fingerprint
        # a server that does not know the one it is sent sets no limit
        told = {"max_tokens_field": "max_completion_tokens"}
        assert resolve(declare("openai", **given, **told)).fingerprint() != fingerprint
        priced = {"prices": {"input": 1, "output": 1}, "max_concurrency": 2}
        assert resolve(declare("openai", **given, **priced)).fingerprint() == fingerprint
        assert resolve(declare("openai", **given, cache=False)).fingerprint() is None
