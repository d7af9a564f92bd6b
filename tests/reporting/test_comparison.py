"""Comparisons in the report and in Markdown."""

from __future__ import annotations

import re

import pytest

from evalkit.records import RunRecord
from evalkit.reporting.html import render_html
from evalkit.reporting.markdown import render_markdown
from evalkit.reporting.page import page
from evalkit.stats.paired import mcnemar

from .runs import full_run, large_run


def test_every_pair_of_cells_is_compared() -> None:
    run = full_run(40)
    film, qa, translation = page(run).suites
    assert len(film.comparisons) == 6  # of four cells
    # A cell without answers is compared with nothing.
    assert qa.comparisons == translation.comparisons == []


def test_the_numbers_of_a_pair() -> None:
    run = full_run(150)
    row = page(run).suites[0].comparisons[0]
    first, second = run.cells[:2]
    pairs = [
        (a.scores["accuracy"], b.scores["accuracy"])
        for a, b in zip(first.samples, second.samples, strict=True)
        if a.status not in ("error", "overflow") and b.status not in ("error", "overflow")
    ]
    wins = sum(b > a for a, b in pairs)
    losses = sum(b < a for a, b in pairs)
    assert (row.a, row.b) == ("smollm2/plain", "smollm2/few-shot")
    assert (row.score.wins, row.score.losses, row.score.n) == (wins, losses, len(pairs))
    assert row.score.p == pytest.approx(mcnemar(wins, losses))
    assert row.score.adjusted >= row.score.p
    assert row.tone == "pass"
    assert row.bar.value is not None
    assert row.bar.value > 50


def test_the_page_and_the_summary_show_them(run: RunRecord) -> None:
    html, markdown = render_html(run), render_markdown(run)
    assert html.count('<details class="fold comparisons">') == 1
    section = html.split('<details class="fold comparisons">')[1].split("</details>")[0]
    assert len(re.findall(r"<tr class=", section)) == 6
    assert "McNemar, exact" in section
    assert "6 comparisons</summary>" in markdown


def test_many_cells_are_compared_with_the_first_only() -> None:
    (suite,) = page(large_run(10, 9)).suites
    assert [row.a for row in suite.comparisons] == ["model-0/plain"] * 8
