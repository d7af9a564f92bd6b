"""Patterns of users: what they match is what ``re`` matches, within a limit of time."""

from __future__ import annotations

import contextlib
import random
import re
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import regex
import yaml

from evalkit.answers import take
from evalkit.checks import run_check
from evalkit.spec.fields import Check
from evalkit.written.patterns import PatternTimeoutError, pattern, rewritten

ROOT = Path(__file__).parents[2]
SLOW = ["(a+)+b", "(a|a)*b", "^(\\w+\\s?)*$", "(x+x+)+y", "(.*a){20}b", "(a?){60}a{60}b"]
BAIT = "a" * 60 + "!" + "word " * 40 + "!" + "x" * 5000


def spans(found: Any) -> Any:
    return None if found is None else [found.span(i) for i in range(len(found.groups()) + 1)]


@pytest.mark.parametrize(
    "classes",
    [r"\w", r"\W", r"\s", r"\S", r"\d", r"[^\W\d_]", r"[^\w\s]", r"[\W]", r"[^\S\n]", "."],
)
def test_every_character_is_in_the_same_classes(classes: str) -> None:
    ours = regex.compile(rewritten(classes), regex.VERSION0)
    theirs = re.compile(classes)
    known = (c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) != "Cn")
    assert not [c for c in known if bool(ours.fullmatch(c)) != bool(theirs.fullmatch(c))]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"\b\w+\b", "किताब, café"),
        (r"a{e}", "xx a{e}"),
        (r"(?:foo){e<=1}", "fo (foo){e<=1}"),
        (r"[[:alpha:]]+", "[:a]]"),
        (r"[]a]+", "]]a"),
        (r"[^]a]+", "]]ab"),
        (r"[a&&b||~~e-]+", "&|~-"),
        (r"x{,3}y|a{,}b|a{2}|a{2,}", "xxxy aab{,}b"),
        (r"(?x) [#] a # a [ that is not a set", "#a"),
        (r"(?#a [ comment)b\S", "ab\x1cb c"),
        (r"(?a)\w+\b", "é1"),
        (r"(?P<n>a)(?P=n)\1(?(n)b|c)", "aaab"),
        (r"\N{GREEK SMALL LETTER ALPHA}\x41\u00e9\101", "αAéA"),
        (r"[\b]|\Aa|\Z", "b"),
        (r"(?i:É)x", "éx"),
        (r"[\w.-]+@[\w-]+\.\w+", "a.b@c-d.ef"),
        (r"(?s)a.b(?m:^c)", "a\nb"),
    ],
)
def test_a_pattern_means_what_it_means_in_re(written: str, text: str) -> None:
    assert spans(pattern(written).search(text)) == spans(re.search(written, text))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_random_patterns_mean_the_same() -> None:
    """Patterns of all parts of re's syntax, and texts of the signs in them."""
    chance = random.Random(20)
    atoms = [
        *"ab é\u0301_1[]{}-&|~:#,.", r"\w", r"\W", r"\s", r"\S", r"\b", r"\B", r"\d", r"\.", r"\[",
        "[ab]", "[^a]", r"[\w-]", r"[^\W_]", "[[:a]", r"[]\]]", "(a)", "(?:b)", "(?=a)", "(?!b)",
        "(?<=a)", "(?i:B)", "|", "^", "$", "*", "+", "?", "*?", "+?", "{2}", "{1,}", "{,2}", "{x",
    ]  # fmt: skip
    tried = 0
    while tried < 1500:
        written = "".join(chance.choices(atoms, k=chance.randint(1, 8)))
        try:
            theirs = re.compile(written)
        except re.error:
            continue
        tried += 1
        for _ in range(5):
            text = "".join(chance.choices("aabB é\u0301_1[]{}-&|~:#,.\n\x1c", k=12))
            assert spans(pattern(written).search(text)) == spans(theirs.search(text)), written


def written_patterns() -> set[str]:
    """Every pattern in the suites and the documentation."""
    found = set()
    for path in [*ROOT.glob("suites/**/*.yaml"), *ROOT.glob("examples/**/*.yaml")]:
        waiting: list[Any] = [yaml.safe_load(path.read_text(encoding="utf-8"))]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                found |= {v for k, v in one.items() if k in ("regex", "not_regex")}
                waiting += one.values()
            elif isinstance(one, list):
                waiting += one
    places = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.py")]
    for path in places:
        for line in re.findall(
            r"""\bregex["']?: *(r?"(?:[^"\\\n]|\\.)+"|'[^'\n]+')""",
            path.read_text(encoding="utf-8"),
        ):
            found.add(line.removeprefix("r")[1:-1].replace("\\\\", "\\"))
    return {one for one in found if isinstance(one, str)}


def test_every_pattern_of_suites_documentation_and_tests_means_the_same() -> None:
    chance = random.Random(3)
    found = written_patterns()
    assert len(found) > 8
    for written in sorted(found):
        try:
            theirs = re.compile(written)
        except re.error:
            continue  # a pattern that a test gives as an invalid one
        letters = written + " Answer: 42 (B) Final positive\n.!_é\u0301क"
        for _ in range(60):
            text = "".join(chance.choices(letters, k=40))
            assert spans(pattern(written).search(text)) == spans(theirs.search(text)), written
        assert spans(pattern(written).search(letters)) == spans(theirs.search(letters)), written


@pytest.mark.parametrize("written", SLOW)
def test_a_pattern_that_backtracks_is_stopped(written: str) -> None:
    began = time.process_time()
    with contextlib.suppress(PatternTimeoutError):  # regex finds out that some cannot match
        pattern(written).search(BAIT)
    assert time.process_time() - began < 4


def test_an_answer_on_which_the_pattern_takes_too_long_is_unparsed_and_says_why() -> None:
    found = take(BAIT, "regex", pattern="(x+x+)+y")
    assert found.prediction is None
    assert "takes too long on this text" in found.explanation


@pytest.mark.parametrize("name", ["regex", "not_regex"])
def test_a_check_whose_pattern_takes_too_long_is_not_passed(name: str) -> None:
    found = run_check(Check(name=name, value="(x+x+)+y"), {"text": BAIT})
    assert not found.passed
    assert "takes too long on this text" in found.reason


def test_a_pattern_that_keeps_taking_too_long_gets_less_time() -> None:
    began = time.process_time()
    for i in range(15):
        with pytest.raises(PatternTimeoutError):
            pattern("(x+x+)+z").search(BAIT + str(i))
    assert time.process_time() - began < 5
