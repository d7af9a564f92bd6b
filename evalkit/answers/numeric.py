"""Finds the one label or choice with a given numeric value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from evalkit.answers.extracted import Extracted
from evalkit.written.numbers import numbers


def match(number: str, ways: Mapping[str, Sequence[str]]) -> Extracted:
    """The one label (or choice) with this number.

    number: in its normal form. ways: each label with its written forms.
    """
    value = _value(number)
    found = [label for label, forms in ways.items() if value in map(_value, forms or (label,))]
    if len(found) == 1:
        return Extracted(found[0], f"which is '{found[0]}'")
    return Extracted(None, "none has that value" if not found else "several have that value")


def _value(text: str) -> Fraction | str:
    found = numbers(text)
    return found[0].value if len(found) == 1 and found[0].value is not None else text
