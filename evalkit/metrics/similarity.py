"""How similar two texts are, character by character."""

from __future__ import annotations

from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result


def edit_similarity(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean of 1 - distance / length of the longer text, best reference. Range 0 … 1, bootstrap.

    The distance is Levenshtein's over Unicode characters, case and spaces included. Two empty
    texts are equal: 1.
    """
    values = [
        max((similarity(answer, reference) for reference in references), default=0.0)
        for answer, references in zip(
            build.texts(columns.predictions), columns.targets, strict=True
        )
    ]
    score = build.mean("edit_similarity", values, confidence=confidence)
    return build.single("edit_similarity", score)


def similarity(a: str, b: str) -> float:
    """1 - Levenshtein distance over the length of the longer text."""
    longest = max(len(a), len(b))
    return 1 - levenshtein(a, b) / longest if longest else 1.0


def levenshtein(a: str, b: str) -> int:
    """The least number of insertions, deletions and substitutions that turn a into b.

    A column of the table is two integers of len(a) bits (where it goes up and where down), so a
    step costs a few operations on long integers. Sources: G. Myers, J. ACM 46 (1999) 395-415;
    H. Hyyrö, Nordic J. Computing 10 (2003) 29-39.
    """
    if not a or not b:
        return max(len(a), len(b))
    places: dict[str, int] = {}
    for i, character in enumerate(a):
        places[character] = places.get(character, 0) | (1 << i)
    every, last = (1 << len(a)) - 1, 1 << (len(a) - 1)
    up, down, distance = every, 0, len(a)
    for character in b:
        equal = places.get(character, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down
        right_up = down | (every & ~(diagonal | up))
        right_down = up & diagonal
        distance += bool(right_up & last) - bool(right_down & last)
        right_up = ((right_up << 1) | 1) & every
        right_down = (right_down << 1) & every
        up = right_down | (every & ~(diagonal | right_up))
        down = right_up & diagonal
    return distance
