"""Compression and extractive fragments, by hand."""

from __future__ import annotations

import pytest

from evalkit.errors import UsageError
from evalkit.metrics import compute
from evalkit.metrics.summarisation import fragments


def test_compression_ratio_is_source_over_summary() -> None:
    """As Grusky et al. define it; a sample without words on either side has none."""
    answers, sources = ["a b", "a", None, "a b c d"], ["a b c d", " ", "a", "a"]
    score = compute("compression_ratio", answers, ["r"] * 4, sources=sources)
    assert score.value == pytest.approx((4 / 2 + 1 / 4) / 2)
    assert score.n == 2
    assert "2 samples with an empty summary or source left out" in score.note


def test_the_old_name_compression_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"'compression_ratio', and its inverse"):
        compute("compression", ["a"], ["a"], sources=["a b"])


def test_extractive_fragments_by_hand() -> None:
    source = "the cat sat on the mat near the cat flap"
    summary = ["the", "cat", "flap", "sat", "on", "the", "roof"]
    assert fragments(summary, source.split()) == [3, 3]
    score = compute(
        "coverage", ["The cat flap sat on the roof!", ""], ["", ""], sources=[source] * 2
    )
    assert score.value == pytest.approx(6 / 7)
    assert score.n == 1
    assert "empty summary" in score.note
    density = compute("density", ["The cat flap sat on the roof!"], [""], sources=[source])
    assert density.value == pytest.approx(18 / 7)
    assert compute("coverage", ["dog"], [""], sources=[source]).value == 0
