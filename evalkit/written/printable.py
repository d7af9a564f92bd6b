"""Text that a terminal or a log shows as it is.

Models, applications and data files write the texts of a run: ids, names, error messages, answers.
A terminal obeys the escape sequences in them, and a pipeline's log the lines that begin with
``::``. These functions are the one place that decides what reaches either.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
# ESC or its C1 form with what it begins: CSI … letter, OSC/DCS/SOS/PM/APC … terminator, or one
# letter. Bounded, so that one ESC does not hide the rest of a text.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]{0,256}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,16}[0-~]"
)
# GitHub obeys "::name …::" at the start of a line; Azure, TeamCity and older runners of GitHub obey
# "##[…", "##vso[…" and "##teamcity[…" anywhere.
_COMMAND = re.compile(r"^(\s*):(?=:)|##(?=\w*\[)")
_REPLACEMENT = "\ufffd"


def one_line(text: str) -> str:
    """One line: white space collapsed, escape sequences removed, and every other character that
    does not print (controls, bidirectional overrides, zero-width signs) as U+FFFD. A workflow
    command is broken by a space."""
    flat = " ".join(_SEQUENCE.sub("", encodable(text)).split())
    if not flat.isprintable():
        flat = "".join(char if char.isprintable() else _REPLACEMENT for char in flat)
    return _without_commands(flat)


def block(text: str) -> str:
    """The same of each line of a text whose line breaks and indentation are evalkit's own."""
    lines = _SEQUENCE.sub("", encodable(text)).replace("\r\n", "\n").split("\n")
    return "\n".join(map(_kept, lines))


def _kept(one: str) -> str:
    """A line with its white space."""
    if not one.isprintable():
        spaced = one.expandtabs(4)
        one = "".join(char if char.isprintable() else _REPLACEMENT for char in spaced)
    return _without_commands(one)


def _without_commands(one: str) -> str:
    return _COMMAND.sub(lambda found: found[0] + " ", one)


def encodable(text: str) -> str:
    """Text that UTF-8 and HTML can carry: halves of surrogate pairs and NUL become U+FFFD."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", _REPLACEMENT)
