"""Fingerprints of functions."""

from __future__ import annotations

from functools import partial

from evalkit.metrics.fingerprint import fingerprint
from tests.metrics.test_registry import Short, share, short


def test_fingerprints_distinguish_functions() -> None:
    different = [
        share("yes"), share("no"), short, partial(short, longest=4), partial(short, longest=5),
        Short(3), Short(4), Short(3).method,
    ]  # fmt: skip
    found = [fingerprint(function) for function in different]
    assert len(set(found)) == len(found)
    assert all(len(one) == 12 for one in found)
    again = [share("yes"), short, partial(short, longest=4), Short(3)]
    assert [fingerprint(function) for function in again] == [found[i] for i in (0, 2, 3, 5)]
    assert fingerprint(len) == ""
