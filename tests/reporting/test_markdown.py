"""The Markdown summary."""

from __future__ import annotations

from evalkit.records import RunRecord
from evalkit.reporting.markdown import render_markdown

from .runs import HOSTILE, empty_run, failed_cell


def test_markdown_shows_failures_and_collapses_passes(run: RunRecord) -> None:
    text = render_markdown(run)
    before, _, folded = text.partition("<details>")
    assert text.startswith("## 7 of 16 gates fail")
    assert before.count("❌ fail") == 7 + 4  # gates, then cells
    assert "−0.080" in before
    assert "5 passing gates" in folded
    assert folded.count("✅ pass") == 5
    assert "11 unparsed" in before


def test_markdown_escapes_data() -> None:
    cell = failed_cell("s|t", "@team", "<img src=x>", 3)
    cell.error = " ".join(HOSTILE.values())[:2000]
    text = render_markdown(empty_run(cells=[cell]))
    text.encode("utf-8")
    assert "<img" not in text.replace("\\<img", "")
    assert "\\@team" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} <= {8, 9}
