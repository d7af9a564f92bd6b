"""The result of an extraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.messages import ToolCall


@dataclass(frozen=True, slots=True)
class Extracted:
    """A prediction or None, with an explanation of how it was found or why there is none.

    calls: the calls in the text of a response that has none apart from it; None: they were not
    looked for.
    """

    prediction: str | None
    explanation: str
    calls: tuple[ToolCall, ...] | None = None
