"""Gates: rules on the scores of a cell (``grammar``) and their verdicts (``verdicts``)."""

from evalkit.gates.grammar import (
    Gate,
    GateSyntaxError,
    KnownScores,
    Reference,
    Term,
    parse,
    problem,
)
from evalkit.gates.reach import fewest_samples
from evalkit.gates.verdicts import Difference, NotYetError, Shared, decide

__all__ = [
    "Difference",
    "Gate",
    "GateSyntaxError",
    "KnownScores",
    "NotYetError",
    "Reference",
    "Shared",
    "Term",
    "decide",
    "fewest_samples",
    "parse",
    "problem",
]
