"""Tokens and cost."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.models.openai import OpenAIModel
from evalkit.models.registry import resolve
from tests.models.remote.test_client import echo, requests_of
from tests.models.serving import serve

pytest.importorskip("httpx")


def test_tokens_and_cost_are_reported(declare: Any) -> None:
    prices = {"input": 3.0, "output": 15.0, "currency": "EUR"}
    with serve(echo) as server:
        model = resolve(declare("openai", model="test", base_url=f"{server.url}/v1", prices=prices))
        answers = [r for batch in model.respond(requests_of(5)) for _, r in batch]
    each = (10 * 3 + 2 * 15) / 1e6
    assert [r.details["cost"] for r in answers] == pytest.approx([each] * 5)
    assert model.describe()["cost"] == "0.0003 EUR"
    assert model.describe()["tokens"] == "50 in, 10 out"
    assert isinstance(model, OpenAIModel)
