"""What was taken from a response."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """A prediction, or None, and in words how it was taken or why there is none."""

    prediction: str | None
    how: str
