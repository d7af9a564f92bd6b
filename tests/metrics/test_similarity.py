"""Edit distance."""

from __future__ import annotations

import random

import pytest

from evalkit.metrics import compute
from evalkit.metrics.similarity import levenshtein


def slow_levenshtein(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def test_levenshtein_equals_the_table_on_1000_cases() -> None:
    rng = random.Random(9)
    assert levenshtein("kitten", "sitting") == 3
    for _ in range(1000):
        a = "".join(rng.choices("abcé ", k=rng.randint(0, 90)))
        b = "".join(rng.choices("abcé ", k=rng.randint(0, 90)))
        assert levenshtein(a, b) == slow_levenshtein(a, b)


def test_edit_similarity() -> None:
    answers = ["kitten", "", None, "abc"]
    references = [["sitting", "x"], [""], ["a"], ["ABC", "abd"]]
    score = compute("edit_similarity", answers, references)
    assert list(score.per_sample) == pytest.approx([1 - 3 / 7, 1, 0, 2 / 3])
