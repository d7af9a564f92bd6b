"""Which gates need the samples of cells in addition to their scores."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.gates.grammar import Gate


def compares_samples(rules: Sequence[Gate]) -> bool:
    """Whether gates need the samples of cells: paired differences at a confidence."""
    return any(
        gate.confidence is not None and term.reference.target
        for gate in rules
        for term in gate.terms
    )
