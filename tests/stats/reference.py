"""Bounds by brute force, to check those of evalkit.stats.bounded against."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def bounds(
    parts: ArrayLike,
    wholes: ArrayLike | None = None,
    *,
    low: float = 0.0,
    high: float = 1.0,
    confidence: float = 0.95,
    draws: int = 200_000,
) -> tuple[float, float]:
    """Quantiles of the ratio under random weights of its units and of one more, the worst.

    parts, wholes: of each unit; wholes default to 1. Accurate to about 0.002 of the range.
    """
    part = np.asarray(parts, dtype=np.float64)
    whole = np.ones(len(part)) if wholes is None else np.asarray(wholes, dtype=np.float64)
    part, whole = part[whole > 0], whole[whole > 0]
    rng = np.random.default_rng(8)
    weights = rng.dirichlet(np.ones(len(part) + 1), size=draws)
    seen, extra = weights[:, :-1], weights[:, -1] * whole.mean()
    below = (seen @ part + extra * low) / (seen @ whole + extra)
    above = (seen @ part + extra * high) / (seen @ whole + extra)
    tail = (1 - confidence) / 2
    return float(np.quantile(below, tail)), float(np.quantile(above, 1 - tail))
