"""The facts that a server reports about a model and that identify it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

IDENTIFYING_FIELDS = (
    "id",
    "root",
    "parent",
    "created",
    "owned_by",
    "digest",
    "revision",
    "sha",
    "max_model_len",
    "context_length",
    "quantization",
    "meta",
)
"""Keys of ``/v1/models`` that identify a model; the values of others change between requests."""
AS_STORED = "stored responses only; the server was down"
"""The note in reports on a recalled model (see ``evalkit.models.base.Recalling``)."""
FRESH = 60.0
"""Seconds. A more recent ``created`` is the time of the request (vLLM, llama.cpp)."""


def find_model_card(
    listed: Mapping[str, Any], model: str, now: float | None = None
) -> dict[str, Any] | None:
    """The identifying facts about a model in a reply to ``/v1/models``; None if it is missing."""
    for found in listed_models(listed, whole=True):
        if found.get("id") != model:
            continue
        facts = {key: found[key] for key in IDENTIFYING_FIELDS if found.get(key) is not None}
        created = facts.get("created")
        if isinstance(created, int | float):
            age = (time.time() if now is None else now) - created
            if age < FRESH:
                del facts["created"]
        return facts
    return None


def not_stored(url: str) -> str:
    """The error for a request to a recalled model."""
    return f"some responses are not stored, and no server answers at {url}"


def listed_models(listed: Mapping[str, Any], *, whole: bool = False) -> list[Any]:
    """The models in a reply to ``/v1/models``: their ids, or whole entries."""
    data = listed.get("data")
    entries = [e for e in data if isinstance(e, dict)] if isinstance(data, list) else []
    return entries if whole else [str(e["id"]) for e in entries if e.get("id")]
