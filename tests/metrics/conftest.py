"""Shared by the parity tests: values without their intervals, and random texts."""

from __future__ import annotations

import random
from typing import Any

import pytest

from evalkit.encoders import source
from evalkit.stats.intervals import NONE

WORDS = [
    *["the", "cat", "sat", "on", "a", "mat", "and", "then", "it", "ran", "away", "from"],
    *["dogs", "running", "runs", "runner", "quickly", "relational"],
    *["Über", "naïve", "日本語", "don't", "co-op", "3.14", "U.S.", "...", "“quoted”", "\n", ""],
]


class NoSynonyms:
    """In place of WordNet, whose data is not part of any package: no word has a synonym."""

    def synsets(self, word: str) -> list[str]:
        return []


@pytest.fixture(autouse=True)
def wordnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.metrics.translation.load_wordnet", NoSynonyms)


@pytest.fixture
def no_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave intervals out, which cost most of the time and are tested in tests/stats."""

    def nothing(*args: Any, **kwargs: Any) -> Any:
        return NONE

    for name in ("counts_interval", "ratio_interval", "resampled_interval"):
        monkeypatch.setattr(f"evalkit.metrics.build.{name}", nothing)
    monkeypatch.setattr("evalkit.metrics.probabilistic.calibration_interval", nothing)


def random_text(rng: random.Random, longest: int = 14) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(0, longest)))


def random_references(rng: random.Random, answer: str) -> list[str]:
    """One to three references, some of them close to the answer."""
    made = []
    for _ in range(rng.randint(1, 3)):
        words = answer.split(" ")
        if rng.random() < 0.5:
            rng.shuffle(words)
            made.append(" ".join(words[: rng.randint(0, len(words))]))
        else:
            made.append(random_text(rng))
    return made


pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder() -> str:
    return source.find_encoder().path
