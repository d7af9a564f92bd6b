"""Properties of the answers alone, no reference needed. A missing answer has length 0."""

from __future__ import annotations

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result


def length(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean number of words (runs of non-space) of an answer; bootstrap interval."""
    values = [len(t.split()) for t in build.texts(columns.predictions)]
    return build.single("length", build.mean("length", values, confidence=confidence, seed=seed))


def characters(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean number of characters of an answer; bootstrap interval."""
    values = [len(t) for t in build.texts(columns.predictions)]
    score = build.mean("characters", values, confidence=confidence, seed=seed)
    return build.single("characters", score)
