"""A reasoning model's thinking is in the report, collapsed, as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.reporting.html import write_html

from ..samples import changed
from .runs import large_run

pytestmark = pytest.mark.browser


def test_thinking_is_shown_beside_the_output(open_page: Callable[..., Any], report: Path) -> None:
    run = large_run(6, 2)
    hostile = "<img src=x onerror=alert(1)> hm"
    first, second = (cell.samples[0] for cell in run.cells)
    changed(first, thinking=hostile, details={"tie": False})
    changed(second, thinking="so far", unfinished=True)
    path = write_html(run, report.parent / "thinking.html")
    page = open_page(f"#suite=large&sample={first.id}", path=path)
    page.locator("dialog[open]").wait_for()
    articles = page.locator("dialog[open] article")
    thought = articles.nth(0).locator("details", has_text="Thinking, not scored (31 characters)")
    thought.locator("summary").click()
    assert thought.locator("pre").inner_text() == hostile
    unfinished = articles.nth(1).locator("summary", has_text="Unfinished thinking, not scored")
    assert unfinished.count() == 1
    backend = articles.nth(0).locator("details", has_text="Backend details")
    assert "thinking" not in (backend.locator("pre").text_content() or "")
