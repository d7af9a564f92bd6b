"""Pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

GENERATED = "<!-- Generated from the code by `python -m docs.generate`; do not edit. -->"

Rows = Iterable[Sequence[str]]


def page(title: str, about: str, *parts: str) -> str:
    """A Markdown page."""
    return "\n\n".join([GENERATED, f"# {title}", about, *parts]) + "\n"


def table(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table; line feeds and bars in its fields are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_field(text) for text in line) + " |" for line in lines)


def _field(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("|", "\\|")).strip()


def code(text: object) -> str:
    """The text as code; empty if there is none."""
    return f"`{text}`" if text not in ("", None) else ""


def single(text: str) -> str:
    """Convert the backticks and roles of docstrings to Markdown."""
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def yaml_value(value: object) -> str:
    """A plain value in YAML."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
