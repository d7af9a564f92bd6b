"""References to parts of a response: ``response.contexts``, ``response.details.route``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.errors import unknown

RESPONSE = "response"
PARTS = ("text", "contexts", "calls", "messages", "usage", "seconds", "finish", "details")
"""What of a response can be named; see :meth:`evalkit.records.Answer.values`."""


def is_reference(name: str) -> bool:
    """Whether a name in a suite means a part of the response rather than a column."""
    return name == RESPONSE or name.startswith(f"{RESPONSE}.")


def problem(name: str) -> str | None:
    """What is wrong with a reference, or None."""
    _, _, path = name.partition(".")
    part = path.split(".")[0]
    return None if part in PARTS else unknown("part of the response", part, PARTS)


def resolve(name: str, response: Mapping[str, Any]) -> Any:
    """The value that a reference names; None where this response lacks it.

    response: see :meth:`evalkit.records.Answer.values`. A number in the path is a place in a list,
    from 0.
    """
    value: Any = response
    for step in name.split(".")[1:]:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list | tuple) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
