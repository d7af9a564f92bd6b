"""Parts of a text: by an expression, after a marker, or the whole of it."""

from __future__ import annotations

from evalkit.answers import take


def test_regex() -> None:
    assert take("a=1 b=2", "regex", pattern=r"b=(\d)").prediction == "2"
    assert take("a=1 b=2", "regex", pattern=r"[ab]=\d").prediction == "a=1"
    assert take("x: yes", "regex", pattern=r"(\w): (\w+)", group=2).prediction == "yes"
    assert take("x: yes", "regex", pattern=r"(?P<v>yes)", group="v").prediction == "yes"
    assert take("x", "regex", pattern=r"(\d)").prediction is None
    assert take("x", "regex", pattern=r"x(\d)?").prediction is None


def test_text_after_a_marker() -> None:
    text = "Answer: Paris\nNo wait.\n**answer:** Rome \nmore"
    assert take(text, "after", marker="Answer:").prediction == "Rome"
    assert take(text, "after", marker="Answer:", which="first").prediction == "Paris"
    assert take("Answer:\n\n Rome\n", "after", marker="Answer:").prediction == "Rome"
    assert take("Answer: ", "after", marker="Answer:").prediction is None
    assert take("Rome", "after", marker="Answer:").prediction is None


def test_whole() -> None:
    assert take("  a b\n", "whole").prediction == "a b"
    assert take("  \n", "whole").prediction is None
