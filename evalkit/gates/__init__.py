"""Gates: a rule on a score of a cell (``grammar``), and the verdict on it (``verdicts``)."""

from evalkit.gates.grammar import Gate, GateSyntaxError, Reference, Term, parse, problem
from evalkit.gates.verdicts import Difference, NotYetError, Shared, decide, samples_needed

__all__ = [
    "Difference",
    "Gate",
    "GateSyntaxError",
    "NotYetError",
    "Reference",
    "Shared",
    "Term",
    "decide",
    "parse",
    "problem",
    "samples_needed",
]
