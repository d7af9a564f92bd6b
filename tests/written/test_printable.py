"""Texts of others that reach a terminal or a log."""

from __future__ import annotations

import random
import re
import sys

import pytest

from evalkit.reporting.github import escaped
from evalkit.written.printable import block, encodable, one_line

HOSTILE = {
    "\x1b[31mred\x1b[0m": "red",
    "\x1b]0;title\x07text": "text",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\": "link",
    "\x9b2Jcleared": "cleared",
    "a\x1bcb": "ab",
    "a\nb\r\nc\td": "a b c d",
    "one\rtwo": "one two",
    "\u202egnp.exe": "\ufffdgnp.exe",
    "a\u2066b\u2069": "a\ufffdb\ufffd",
    "zero\u200bwidth": "zero\ufffdwidth",
    "a\x00b\x07c\x7fd\x85e": "a\ufffdb\ufffdc\ufffdd e",
    "::error file=x::boo": ": :error file=x::boo",
    "  ::stop-commands::x": ": :stop-commands::x",
    "ok\n::error::boo": "ok ::error::boo",
    "##[error]boo": "## [error]boo",
    "x ##vso[task.complete]": "x ## vso[task.complete]",
    "\x1b[0m::error::x": ": :error::x",
    "half \ud800 pair": "half \ufffd pair",
    "suites/a.yaml::m/p::accuracy >= 0.5": "suites/a.yaml::m/p::accuracy >= 0.5",
    "## heading, C# [x], a::b": "## heading, C# [x], a::b",
    "日本語 é ½ €": "日本語 é ½ €",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_one_line(text: str) -> None:
    assert one_line(text) == HOSTILE[text]


def test_a_block_keeps_the_lines_and_indentation_of_evalkit() -> None:
    text = "suite: wrong\n  why\x1b[1m\n::error::x\n\t##[x]\u2028y\r\nend\rover"
    assert block(text) == "suite: wrong\n  why\n: :error::x\n    ## [x]\ufffdy\nend\ufffdover"


def test_random_texts_have_nothing_that_a_terminal_obeys() -> None:
    chance = random.Random(4)
    pieces = [
        "\x1b", "\x1b[", "\x9b", "31m", "\x1b]0;", "\x07", "::", ":", "error", "\n", "\r", "\x85",
        "##", "[", "\u202e", "\u2028", "\u200b", "\x00", "\ud83d", "\ude00", " ", "\t", "a", "é",
    ]  # fmt: skip
    for _ in range(5000):
        text = "".join(chance.choices(pieces, k=12))
        for shown in (one_line(text), *block(text).split("\n")):
            assert shown.isprintable()
            assert not re.match(r"\s*::", shown)
            assert not re.search(r"##\w*\[", shown)
            assert one_line(shown) == " ".join(shown.split())
            shown.encode()


def test_every_character_that_does_not_print_is_replaced() -> None:
    for code in range(sys.maxunicode + 1):
        assert one_line("a" + chr(code) + "b").isprintable()


def test_a_long_hostile_text_takes_linear_time() -> None:
    for piece in ("\x1b]", "\x1b[0", "\x1b", "##", ":", "\x9d;", "##a"):
        assert one_line(piece * 300_000).isprintable()


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("<img src=x>", r"\<img src=x\>"),
        ("[a](http://b)", r"\[a\]\(http:\//b\)"),
        ("www.evil.com @me #1", r"www\.evil.com \@me \#1"),
        ("a|b\n\n# c\x1b[0m`d`", r"a\|b \# c\`d\`"),
    ],
)
def test_markdown_shows_a_text_as_it_is(text: str, markdown: str) -> None:
    assert escaped(text) == markdown


def test_only_unencodable_text_is_replaced() -> None:
    assert encodable("a\ud83d b\x00 😀 é") == "a\ufffd b\ufffd 😀 é"
