"""Panels of judges: their combined grade, and how well they agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import mean, median

from evalkit.records.analyses import Panel
from evalkit.stats.agreement import krippendorff_alpha, krippendorff_interval

LEVELS = {"pointwise": "interval", "binary": "nominal", "pairwise": "nominal", "claims": "nominal"}
"""The level of measurement at which the grades of a mode are compared."""


def combined(grades: Sequence[float], how: str) -> float:
    """The combined grade of a panel: the ``mean``, ``median`` or ``majority``.

    If several grades are equally frequent, the majority is their mean.

    >>> combined([1, 1, 5], "majority"), combined([1, 2, 5], "median")
    (1, 2)
    """
    if how == "median":
        return median(grades)
    if how == "majority":
        counts = Counter(grades)
        most = max(counts.values())
        most_frequent = [grade for grade, count in counts.items() if count == most]
        return most_frequent[0] if len(most_frequent) == 1 else mean(most_frequent)
    return mean(grades)


def panel_of(mode: str, grades: Sequence[Sequence[float | None]]) -> Panel:
    """How well the judges of a score agree.

    mode: of the rubric. grades: by judge, one for each item in the same order, None where the judge
    gave none.
    """
    rated = [list(item) for item in zip(*grades, strict=True)]
    whole = [[grade for grade in item if grade is not None] for item in rated if None not in item]
    low, high, _ = krippendorff_interval(rated, LEVELS[mode])
    return Panel(
        items=len(rated),
        complete=len(whole),
        differ=sum(max(item) - min(item) >= _APART[mode] for item in whole),
        apart=_APART[mode],
        alpha=_finite(krippendorff_alpha(rated, LEVELS[mode])),
        alpha_low=_finite(low),
        alpha_high=_finite(high),
        level=LEVELS[mode],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_APART = dict.fromkeys(LEVELS, 1.0)
"""The distance of the highest and lowest grade that counts as a disagreement."""
