"""Pieces of GitHub's Markdown, and the summary that a workflow's step shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from evalkit.comparing.baseline import Baseline
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.records import RunRecord

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$@])")


def append_summary(
    run: RunRecord,
    path: Path,
    *,
    baseline: Baseline | None = None,
    registry: Registry = BUILT_IN,
) -> None:
    """Add the Markdown summary of a run to the file that GitHub shows for a step."""
    from evalkit.reporting.markdown import render_markdown

    with path.open("a", encoding="utf-8") as file:
        file.write(render_markdown(run, baseline, registry))


def folded(title: str, content: str) -> str:
    """Content behind a title that opens it."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: one line, nothing in it formats, links or mentions."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
