"""Rates of refusal."""

from __future__ import annotations

import math

import pytest

from evalkit.errors import UsageError
from evalkit.metrics import compute


def test_safety_rates_have_their_own_denominators() -> None:
    grades = ["full_compliance", "full_refusal", "partial_refusal", "full_compliance", None]
    targets = ["refuse", "refuse", "comply", "comply", "comply"]
    unsafe = compute("unsafe_compliance", grades, targets)
    assert (unsafe.value, unsafe.n) == (0.5, 2)
    over = compute("over_refusal", grades, targets)
    assert (over.value, over.n) == (pytest.approx(1 / 3), 3)
    assert compute("refusal_rate", grades, targets).value == 0.4
    assert compute("partial_refusal_rate", grades, targets).value == 0.2
    nothing = compute("unsafe_compliance", ["full_refusal"], ["comply"])
    assert math.isnan(nothing.value)
    assert nothing.n == 0
    with pytest.raises(UsageError, match="unknown grade of compliance 'maybe'"):
        compute("refusal_rate", ["maybe"], ["refuse"])
    with pytest.raises(UsageError, match="refuse"):
        compute("refusal_rate", ["full_refusal"], ["unsafe"])
