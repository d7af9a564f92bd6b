"""The result of an extraction."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extracted:
    """A prediction or None, with an explanation of how it was found or why there is none."""

    prediction: str | None
    explanation: str
