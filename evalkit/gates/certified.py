"""What a gate may require of the certificates of judges: ``certified: {kappa: 0.6}``."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.errors import unknown

AT_LEAST = (
    "kappa", "weighted_kappa", "agreement", "spearman", "kendall", "sensitivity", "specificity",
    "repetition", "swap_consistency",
)  # fmt: skip
"""Figures of which more is better, by the name that demands them."""
AT_MOST = {
    "max_position_bias": "position_bias",
    "max_length_bias": "length_bias",
    "max_self_preference": "self_preference",
}
"""Figures that are best at 0, by the name that limits their size."""


def requirement_problem(declared: object) -> str | None:
    """What is wrong with the ``certified:`` of a gate, or None."""
    known = [*AT_LEAST, *AT_MOST]
    if not isinstance(declared, Mapping) or not declared:
        return f"'certified' names figures and their bounds, such as {{kappa: 0.6}}: {declared!r}"
    for name, bound in declared.items():
        if name not in known:
            return unknown("figure of a certificate", str(name), known)
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            return f"'{name}' must be a number; found {bound!r}"
    return None
