"""Denied labels."""

from __future__ import annotations

from evalkit.answers import take


def test_a_denied_first_label_is_no_answer() -> None:
    labels = {"positive": ["positive"], "negative": ["negative"]}
    taken = take("It is not positive, rather negative.", "label", labels=labels, which="first")
    assert taken.prediction is None
    assert "denied" in taken.explanation
