"""Parity of two models as text for the terminal, Markdown, and JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from evalkit.comparing.parity import Parity, ParityDifference
from evalkit.reporting import formatting
from evalkit.reporting.comparison import (
    comparison_document,
    comparison_lines,
    comparison_markdown,
)
from evalkit.reporting.document import finite
from evalkit.reporting.github import escaped, table
from evalkit.written.printable import one_line

EXAMPLES = 8
"""Number of differences shown; the JSON has all of them."""
WIDTH = 60


def parity_lines(found: Sequence[Parity]) -> list[str]:
    """Plain text: what differs and why, some examples, and the scores."""
    lines: list[str] = []
    for one in found:
        lines += [*([""] if lines else []), f"{one_line(one.suite)}, prompt {one_line(one.prompt)}"]
        lines += [f"  {text}" for text in _sentences(one)]
        for difference in one.differences[:EXAMPLES]:
            lines += [f"    {one_line(difference.id)}{_mark(difference)}: {difference.why}"]
            lines += [f"      A: {_shown(difference.a, difference.status_a)}"]
            lines += [f"      B: {_shown(difference.b, difference.status_b)}"]
        left = len(one.differences) - EXAMPLES
        lines += [f"    … and {left} more; --json has all of them"] if left > 0 else []
        if one.scores is not None:
            lines += ["", *(f"  {line}" for line in comparison_lines([one.scores])[1:])]
    return lines


def parity_markdown(found: Sequence[Parity]) -> str:
    """The same as Markdown."""
    parts = []
    for one in found:
        parts.append(f"## {escaped(one.suite)}, prompt {escaped(one.prompt)}\n")
        parts.append("\n".join(f"* {escaped(text)}" for text in _sentences(one)) + "\n")
        rows = [
            [escaped(x) for x in (d.id, _shown(d.a, d.status_a), _shown(d.b, d.status_b), d.why)]
            for d in one.differences[:EXAMPLES]
        ]
        if rows:
            parts.append(table(("sample", "A", "B", "why"), rows) + "\n")
        if one.scores is not None:
            parts.append(comparison_markdown([one.scores]))
    return "\n".join(parts)


def parity_document(found: Sequence[Parity]) -> dict[str, Any]:
    """JSON values: everything."""
    cells = [
        {
            **asdict(replace(one, scores=None)),
            "scores": comparison_document([one.scores])[0] if one.scores else None,
            "flips": one.flips,
            "different": len(one.differences),
        }
        for one in found
    ]
    document: dict[str, Any] = finite({"parity": cells})
    return document


def _sentences(one: Parity) -> list[str]:
    sentences = [f"A {one_line(one.a)}", f"B {one_line(one.b)}"]
    sentences += [f"{name} does not answer: {one_line(error)}"
             for name, error in zip("AB", one.errors, strict=True) if error]  # fmt: skip
    count = len(one.differences)
    share = f" ({count / one.n:.1%})" if one.n else ""
    sentences.append(f"{count} of {formatting.plural(one.n, 'answer')} differ{share}")
    wins = sum(d.won is True for d in one.differences)
    losses = sum(d.won is False for d in one.differences)
    sentences.append(
        f"{one.flips} with another prediction: {wins} right in B only, {losses} right in A only"
    )
    sentences += [f"{number}: {cause}" for cause, number in one.causes.items()]
    if one.largest is not None:
        sentences.append(f"log-likelihoods of choices differ by at most {one.largest:.3g} nats")
    return sentences


def _mark(difference: ParityDifference) -> str:
    marks = {True: " (right in B only)", False: " (right in A only)", None: ""}
    return marks[difference.won]


def _shown(text: str, status: str) -> str:
    cut = one_line(text) if len(text) <= WIDTH else one_line(text[: WIDTH - 2]) + ".."
    return f"[{status}] {cut}" if status != "ok" else cut
