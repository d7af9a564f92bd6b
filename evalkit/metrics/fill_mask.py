"""Words for a mask: is the right one among the most likely?"""

from __future__ import annotations

from evalkit.errors import UsageError
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result


def top(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, name: str, k: int = 5
) -> Result:
    """Share of samples with an accepted word among their ``k`` most likely candidates.

    Words are compared without regard to case and to white space around them. A model that
    writes its answer has one candidate. Range 0 … 1, Wilson's interval.
    name: of the score. k: 1 or more.
    """
    if k < 1:
        raise UsageError(f"{name}: k must be 1 or more, not {k}")
    listed = columns.ranked or [() if p is None else (p,) for p in columns.predictions]
    flags = [
        not {_word(text) for text in candidates[:k]}.isdisjoint(map(_word, accepted))
        for candidates, accepted in zip(listed, columns.targets, strict=True)
    ]
    most = max(map(len, listed), default=k)
    note = f"the model lists {most}, not {k}" if most < k else ""
    return build.single(name, build.proportion(flags, confidence=confidence, note=note))


def _word(text: str) -> str:
    return " ".join(text.split()).casefold()
