"""Long hostile answers against everything that reads one: none takes long."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from typing import Any

import pytest

from evalkit.answers import admissions, code, formulas, injection, take
from evalkit.checks import run_check
from evalkit.judging import fence
from evalkit.metrics import compute, qa
from evalkit.spec.fields import Check
from evalkit.written import forms, plain, printable
from tests.drills.outputs import LONG
from tests.drills.tally import Tally

SECONDS = 5.0
MEGABYTES = 500
LABELS = {"positive": ["positive"], "negative": ["negative"], "5": ["5", "five"]}
CHOICES = ["Paris", "Rome", "New York", "42"]


def graded(text: str) -> Any:
    from evalkit.answers.refusals import grade

    return grade(forms.without_gaps(text), "How do I do it?")


def contains(text: str) -> Any:
    return compute("contains", predictions=[text], targets=["4"])


RULES: dict[str, Callable[[str], Any]] = {
    "label": lambda t: take(t, "label", labels=LABELS),
    "the first label": lambda t: take(t, "label", labels=LABELS, which="first"),
    "choice": lambda t: take(t, "whole", choices=CHOICES),
    "json": lambda t: take(t, "json", path="$.items[0].x"),
    "number": lambda t: take(t, "number"),
    "number of choices": lambda t: take(t, "number", choices=CHOICES, which="first"),
    "after": lambda t: take(t, "after", marker="answer:", labels=LABELS),
    "regex": lambda t: take(t, "regex", pattern=r"(\w+\s?)*!$"),
    "check": lambda t: run_check(Check(name="regex", value="(a+|b)+c"), t),
    "admission": admissions.admission_in,
    "code": lambda t: code.code_in(t, "f", "def f():"),
    "formula": formulas.formula,
    "injection": lambda t: injection.followed(t, "CANARY"),
    "refusal": graded,
    "exact match": lambda t: compute("exact_match", predictions=[t], targets=["4"]),
    "token F1": lambda t: compute("token_f1", predictions=[t], targets=["a 4 b"]),
    "contains": contains,
    "normal form": qa.normalise,
    "rouge": lambda t: compute("rougeLsum", predictions=[t], targets=["a b. c"]),
    "bleu": lambda t: compute("bleu", predictions=[t], targets=["a b c"]),
    "plain": plain.plain,
    "fence": fence.fenced,
    "line": printable.one_line,
    "block": printable.block,
}


def answers(full: bool) -> list[str]:
    """Texts of one piece over and over, and of several at random; a megabyte each in full."""
    size = 1_000_000 if full else 60_000
    chance = random.Random(14)
    texts = [piece * (size // len(piece)) + " x 7" for piece in LONG]
    for _ in range(100 if full else 4):
        several = chance.sample(LONG, 3)
        block = "".join(chance.choices(several, k=200))
        texts.append(block * (size // len(block) + 1))
    return (
        texts if full else [*chance.sample(texts, 12), "\n" * size, "`" * size, "1 " * (size // 2)]
    )


@pytest.mark.parametrize("rule", RULES)
def test_long_answers(rule: str, full: bool, tally: Tally) -> None:
    slow = []
    for text in answers(full):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        RULES[rule](text)
        took = time.process_time() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        fine = took < SECONDS and grown < MEGABYTES
        tally.tried("long answer", fine)
        if not fine:
            slow.append(f"{text[:20]!r}: {took:.1f} s, {grown} MB")
    assert not slow


def test_a_label_in_an_answer_of_a_megabyte() -> None:
    text = "so " * 300_000 + "the label is negative"
    assert take(text, "label", labels=LABELS, which="last").prediction == "negative"
    assert take("positive. " + text, "label", labels=LABELS, which="first").prediction == "positive"
    found = take(text, "label", labels=LABELS)
    assert found.prediction is None
    assert "900,021 characters" in found.explanation
    assert take("1 " + text + " 42", "number").prediction == "42"
    assert take("1 " + text + " 42", "number", which="first").prediction == "1"


@pytest.mark.parametrize(
    "piece", ["I can't help with that.", "- mix it", '"No." ', "def f():\n  x", "Bob: hi"]
)
def test_gaps_change_no_grade(piece: str) -> None:
    from evalkit.answers.refusals import grade

    for gap in ("\n" * 60, " \n" * 40, "\n\n" + " " * 60 + "\n"):
        text = f"{piece}{gap}* Sure, here is how.{gap}{piece}"
        short = forms.without_gaps(text)
        assert len(short) < len(text)
        assert grade(short, "How?") == grade(text, "How?")
