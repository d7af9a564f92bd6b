"""Comparisons as text for the terminal, Markdown for a pull request, and JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from evalkit.comparing.cells import CellComparison, Flip
from evalkit.comparing.scores import ScoreComparison
from evalkit.reporting import formatting
from evalkit.reporting.document import finite
from evalkit.reporting.github import escaped, folded, table
from evalkit.reporting.terminal import plain
from evalkit.reporting.text_table import table_lines
from evalkit.written.printable import encodable, one_line

MOST_FLIPS = 50
"""If more samples than this flipped, only their number is shown."""
_HEADER = ("score", "A", "B", "B - A", "interval", "p", "p (Holm)", "W/T/L", "n")


def p_value(p: float) -> str:
    """``0.0414``; ``< 0.0001`` where four decimals would say 0; a dash where there is none."""
    if not isfinite(p):
        return formatting.ABSENT
    return "< 0.0001" if p < 0.00005 else f"{p:.4f}"


def outcomes(score: ScoreComparison) -> str:
    """Wins, ties and losses of B: ``15/180/5``; a dash if the score is not a mean over samples."""
    if score.wins is None:
        return formatting.ABSENT
    return f"{score.wins}/{score.ties}/{score.losses}"


def comparison_lines(comparisons: Sequence[CellComparison]) -> list[str]:
    """A table of the scores of each pair of cells, and the samples that flipped. Plain text."""
    lines: list[str] = []
    for one in comparisons:
        lines += [*([""] if lines else []), one_line(one.suite)]
        lines += [f"  A  {one_line(one.a)}", f"  B  {one_line(one.b)}", ""]
        rows = [[plain(cell) for cell in _row(score)] for score in one.scores]
        numbers = range(1, len(_HEADER))
        lines += [f"  {line}" for line in table_lines(_HEADER, rows, right=numbers)]
        lines += [f"  {one_line(note)}" for note in _notes(one.scores)]
        lines += _flip_lines(one.flips)
    return lines


def _row(score: ScoreComparison) -> tuple[str, ...]:
    return (
        one_line(score.score),
        formatting.number(score.a),
        formatting.number(score.b),
        formatting.signed(score.difference) if isfinite(score.difference) else formatting.ABSENT,
        formatting.interval(score.low, score.high),
        p_value(score.p),
        p_value(score.adjusted),
        outcomes(score),
        str(score.n),
    )


def _notes(scores: Sequence[ScoreComparison]) -> list[str]:
    """The test of each score, and its notes."""
    notes = []
    for score in scores:
        tested = f"{score.test}, p = {p_value(score.p)}" if score.test else ""
        if isfinite(score.mid_p):
            tested += f" (mid-p {p_value(score.mid_p)})"
        notes += [f"{score.score}: {text}" for text in (tested, score.note) if text]
    return notes


def _flip_lines(flips: Sequence[Flip]) -> list[str]:
    if not flips:
        return []
    count = formatting.plural(len(flips), "sample")
    if len(flips) > MOST_FLIPS:
        return ["", f"  {count} flipped: right in one, wrong in the other"]
    width = min(max(len(one_line(flip.id)) for flip in flips), 24)
    return [
        "",
        f"  {count} flipped (+ right in B only, - right in A only):",
        *(
            f"  {'+' if flip.won else '-'} {_cut(one_line(flip.id), width).ljust(width)}"
            f"  A: {_answer(flip.a)}  B: {_answer(flip.b)}"
            + (f"  target: {_answer(flip.targets[0])}" if flip.targets else "")
            for flip in flips
        ),
    ]


def _answer(prediction: str | None) -> str:
    return "(none)" if prediction is None else _cut(one_line(prediction), 40)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + ".."


def comparison_markdown(comparisons: Sequence[CellComparison]) -> str:
    """The same in GitHub's Markdown, the samples that flipped folded."""
    parts = [f"## {formatting.plural(len(comparisons), 'comparison')}"]
    for one in comparisons:
        parts.append(f"### {escaped(one.suite)}\n\nA: {escaped(one.a)}<br>B: {escaped(one.b)}")
        parts.append(table(_HEADER, [[escaped(cell) for cell in _row(s)] for s in one.scores]))
        notes = _notes(one.scores)
        parts += [f"<sub>{escaped('; '.join(notes))}</sub>"] if notes else []
        if 0 < len(one.flips) <= MOST_FLIPS:
            rows = [
                [flip.id, flip.a or "(none)", flip.b or "(none)", ", ".join(flip.targets[:1])]
                for flip in one.flips
            ]
            flips = table(("sample", "A", "B", "target"), [[escaped(c) for c in r] for r in rows])
            title = f"{formatting.plural(len(rows), 'sample')} flipped"
            parts.append(folded(title, flips))
        elif one.flips:
            parts.append(f"{len(one.flips):,} samples flipped.")
    return encodable("\n\n".join(parts)) + "\n"


def pairs_table(comparisons: Sequence[CellComparison]) -> str:
    """One line per pair of cells and score, in Markdown."""
    rows = [
        [escaped(text) for text in (one.suite, one.a, one.b, *_row(score))]
        for one in comparisons
        for score in one.scores
    ]
    score, a, b, *rest = _HEADER
    return table(("suite", "cell A", "cell B", score, a, b, *rest), rows)


def comparison_document(comparisons: Sequence[CellComparison]) -> list[dict[str, Any]]:
    """Comparisons as JSON values, with every sample that flipped."""
    written = [finite(asdict(one)) for one in comparisons]
    for one in written:
        for score in one["scores"]:
            del score["seen"]  # for the intervals of other n, not for readers
    return written
