"""Pieces of GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from evalkit.written.printable import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$@]|(?<=:)/(?=/)|(?<=www)\.)")


def folded(title: str, content: str) -> str:
    """Content behind a title that opens it."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: one line, nothing in it formats, links or mentions."""
    return _SPECIAL.sub(r"\\\1", one_line(text))
