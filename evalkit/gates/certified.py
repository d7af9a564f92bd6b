"""Requirements of a gate on the certificates of judges: ``certified: {kappa: 0.6}``."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.errors import shortened, unknown

AT_LEAST = (
    "kappa", "weighted_kappa", "agreement", "spearman", "kendall", "sensitivity", "specificity",
    "repetition", "swap_consistency",
)  # fmt: skip
"""Figures with a lower bound; more is better."""
AT_MOST = {
    "max_position_bias": "position_bias",
    "max_length_bias": "length_bias",
    "max_self_preference": "self_preference",
}
"""Figures with a bound on their absolute value, by the name of the bound; 0 is best."""


def requirement_problem(declared: object) -> str | None:
    """What is wrong with the ``certified:`` of a gate, or None."""
    known = [*AT_LEAST, *AT_MOST]
    if not isinstance(declared, Mapping) or not declared:
        found = shortened(declared)
        return f"'certified' needs figures and bounds, such as {{kappa: 0.6}}; found {found}"
    for name, bound in declared.items():
        if name not in known:
            return unknown("figure of a certificate", str(name), known)
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            return f"'{name}' must be a number; found {shortened(bound)}"
    return None
