"""How many samples a gate with a confidence needs to be able to pass at all."""

from __future__ import annotations

from math import ceil, log
from statistics import NormalDist

from evalkit.gates.grammar import Term


def fewest_samples(term: Term, confidence: float, low: float, high: float) -> int | None:
    """The fewest samples with which a term passes in the best case; None if any number suffices.

    In the best case every sample scores the better end of the range low … high or, for a
    difference, the same as in the other cell. The interval of n equal values still has a width: at
    most 1 - α^(1/n) of the range, with α = (1 - confidence) / 2, or z²/(n + z²) by Wilson's
    interval of a proportion.
    """
    upwards = term.op in (">=", ">")
    if not upwards and term.op not in ("<=", "<"):
        return None
    width, offset = high - low, term.reference.offset
    if term.reference.target:
        margin = (-offset if upwards else offset) / width
    else:
        margin = ((high - offset) if upwards else (offset - low)) / width
    if not 0 < margin < 1:
        return None
    tail = (1 - confidence) / 2
    exact = ceil(log(tail) / log(1 - margin) - 1e-9)
    if term.reference.target:
        return exact
    z = NormalDist().inv_cdf(1 - tail)
    return min(exact, ceil(z * z * (1 - margin) / margin - 1e-9))
