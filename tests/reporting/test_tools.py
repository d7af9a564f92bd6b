"""The report of a suite of tools: the confusion of calls leads to their samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from tests.metrics.test_calls import assistant, perfect, suite


@pytest.mark.browser
def test_an_entry_of_the_confusion_of_calls_lists_its_samples(
    open_page: Callable[..., Any], report: Path, tmp_path: Path
) -> None:
    run = evaluate(suite(), {"assistant": assistant, "perfect": perfect}, root=tmp_path)
    file = report.parent / "tools.html"
    run.to_html(file)
    page = open_page("#suite=assistant", path=file)
    page.locator(".current .grid .row").first.wait_for()
    matrices = page.locator(".current .confusion")
    assert matrices.count() == 2
    expected = {(1, 0): ["two"], (1, 1): ["one", "two"], (2, 1): ["chat"], (2, 2): ["none"]}
    for (row, column), ids in expected.items():
        entry = matrices.nth(0).locator("tbody tr").nth(row).locator("td").nth(column).locator("a")
        entry.click()
        page.get_by_text(f"{len(ids)} of 4").first.wait_for()
        assert page.locator(".current .grid .row small").all_inner_texts()[: len(ids)] == ids
    entry = matrices.nth(1).locator("tbody tr").nth(0).locator("td").nth(0).locator("a")
    entry.click()
    page.get_by_text("2 of 4").first.wait_for()
    assert "weather answered as weather" in page.locator(".current .chip").inner_text()
