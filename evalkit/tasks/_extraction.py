"""The part of a response that ``answer:`` selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.answers import take
from evalkit.answers.extracted import Extracted

if TYPE_CHECKING:
    from evalkit.spec.suite import Suite


def piece(
    suite: Suite,
    text: str,
    *,
    labels: Mapping[str, Sequence[str]] | None = None,
    choices: Sequence[str] | None = None,
    method: str = "",
) -> Extracted:
    """The piece of a text that ``answer:`` extracts.

    labels, choices: if given, the piece must be one of them. method: overrides the suite's method.
    """
    answer = suite.answer
    return take(
        text,
        method or answer.method,
        labels=labels or None,
        choices=choices or None,
        pattern=answer.pattern,
        group=answer.group,
        path=answer.path,
        which=answer.which,
        marker=answer.marker,
    )


def text_in(fields: Mapping[str, Any], column: str | None) -> str:
    """The text in a column of a row; "" if there is none."""
    value = fields.get(column) if column else None
    return "" if value is None else str(value)
