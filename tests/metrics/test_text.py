"""QA, summaries, translation, length: against references and hand-made cases."""

from __future__ import annotations

import math
import random

import pytest

from evalkit.metrics import compute
from tests.metrics.conftest import random_references, random_text

ADVERSARIAL = [
    ("", [""]),
    ("", ["a"]),
    ("a", [""]),
    ("the", ["a"]),
    ("a\nb\n\nc", ["b\na\nc"]),
    ("日本 語", ["日本語"]),
    ("Über café", ["über cafe", "uber café"]),
    ("x " * 50, ["x"]),
    ("....", ["!!!!"]),
    ("a b c d e f", ["f e d c b a", "a b c d e f g"]),
]


def cases(seed: int, count: int) -> list[tuple[str, list[str]]]:
    rng = random.Random(seed)
    answers = [random_text(rng) for _ in range(count - len(ADVERSARIAL))]
    return ADVERSARIAL + [(a, random_references(rng, a)) for a in answers]


def test_distinct_by_hand() -> None:
    answers = ["a b A b", "a c", None]
    assert compute("distinct_1", answers, [""] * 3).value == pytest.approx(3 / 6)
    assert compute("distinct_2", answers, [""] * 3).value == pytest.approx(3 / 4)  # ab ba ab ac
    assert math.isnan(compute("distinct_2", ["a"], [""]).value)


def test_length() -> None:
    assert compute("length", ["a b c", "", None], ["", "", ""]).value == 1
    assert compute("characters", ["a b", None], ["", ""]).value == 1.5
