"""Mathematics: answers are right if mathematically equal, in any notation."""

from __future__ import annotations

from evalkit.answers import mathematics
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result


def math_accuracy(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of final answers mathematically equal to a target. Range 0 … 1, Wilson's interval.

    A prediction is a final answer (``\\frac{1}{2}``) or a text with one in it. Answers
    that computer algebra cannot decide within some seconds are unequal, as in math-verify.
    """
    flags = [
        answer is not None and mathematics.equal(answer, tuple(references))
        for answer, references in zip(columns.predictions, columns.targets, strict=True)
    ]
    return build.single("math_accuracy", build.proportion(flags, confidence=confidence))
