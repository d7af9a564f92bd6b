"""A run against its baseline: in the records, on the page, in Markdown, in a workflow's summary."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from evalkit.comparing.baseline import beside
from evalkit.comparing.baseline_file import read_run
from evalkit.records import RunRecord
from evalkit.reporting.changes import changes
from evalkit.reporting.document import write_json
from evalkit.reporting.html import render_html
from evalkit.reporting.markdown import append_summary, render_markdown
from evalkit.reporting.pack import pack

from ..samples import changed
from .runs import large_run

WORSE = range(20)  # right before, wrong now, in the first of two cells


@pytest.fixture(scope="module")
def runs() -> tuple[RunRecord, RunRecord]:
    """A run, and a baseline with 20 more right answers in its first cell."""
    now = large_run(60, 2)
    for sample in now.cells[0].samples:
        mark(sample, right=sample.index >= 30)
    before = deepcopy(now)
    before.id = "20261101-120000-base"
    for sample in before.cells[0].samples[: len(WORSE)]:
        mark(sample, right=True)
    return now, before


def mark(sample: Any, *, right: bool) -> None:
    other = next(label for label in ("positive", "negative") if label not in sample.targets)
    changed(sample, correct=right, prediction=sample.targets[0] if right else other)
    sample.scores["accuracy"] = float(right)


def test_a_cell_that_lost_right_answers_is_worse(runs: tuple[RunRecord, RunRecord]) -> None:
    found = changes(runs[0], beside(runs[1], runs[0]))
    assert found is not None
    assert found.headline == "1 is worse, 1 shows no significant change"
    first, second = found.rows
    score = first.score
    assert (first.tone, first.column, second.tone) == ("fail", 0, "none")
    assert (score.wins, score.ties, score.losses) == (0, 40, 20)
    assert (score.a, score.b) == (50 / 60, 30 / 60)
    assert first.bar.value is not None
    assert first.bar.value < 50


def test_without_a_baseline_no_changes_are_shown(runs: tuple[RunRecord, RunRecord]) -> None:
    assert changes(runs[0], None) is None
    assert "Since the baseline" not in render_html(runs[0])


def test_cells_missing_in_the_baseline_are_named(runs: tuple[RunRecord, RunRecord]) -> None:
    now, before = runs
    part = deepcopy(before)
    del part.cells[1]
    found = changes(now, beside(part, now))
    assert found is not None
    assert [cell.model for cell in found.alone] == ["model-1"]


def test_the_page_links_to_regressed_samples(runs: tuple[RunRecord, RunRecord]) -> None:
    html = render_html(runs[0], beside(runs[1], runs[0]))
    assert "1 is worse, 1 shows no significant change." in html
    assert '#suite=large&amp;base=before&amp;cell=0&amp;show=regressed">20</a>' in html


@pytest.mark.parametrize("saved", [False, True])
def test_the_index_contains_earlier_correctness(
    runs: tuple[RunRecord, RunRecord], saved: bool, tmp_path: Path
) -> None:
    now, before = runs
    if saved:  # a file keeps scores, not whether an answer was right
        write_json(before, tmp_path / "base.json")
        before = read_run(tmp_path / "base.json")
    packed = pack(now.suites["large"], now.cells, beside(before, now))
    index = json.loads(gzip.decompress(b64decode(packed.index)))
    assert index["cells"][0]["before"]["correct"] == "1" * 20 + "0" * 10 + "1" * 30
    assert index["cells"][0]["correct"] == "0" * 30 + "1" * 30


def test_markdown_lists_changes_first(runs: tuple[RunRecord, RunRecord]) -> None:
    text = render_markdown(runs[0], beside(runs[1], runs[0]))
    assert text.index("Since 20261101-120000-base: 1 is worse") < text.index("| verdict |")
    assert "| ❌ worse | large | model-0/plain | accuracy | 0.833 | 0.500 |" in text
    assert "Since" not in render_markdown(runs[0])


def test_a_summary_is_appended_to_the_file(
    runs: tuple[RunRecord, RunRecord], tmp_path: Path
) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    append_summary(runs[0], path)
    assert path.read_text(encoding="utf-8") == "before\n" + render_markdown(runs[0])


def test_moved_samples_are_matched(runs: tuple[RunRecord, RunRecord]) -> None:
    """Rows without ids are numbered: one in front of all others moves these down by one."""
    now, before = deepcopy(runs[0]), deepcopy(runs[1])
    now.suites["large"].data_hash = "another"
    for cell in before.cells:
        for number, sample in enumerate(cell.samples, 1):
            sample.id = str(number)
    for cell in now.cells:
        new = deepcopy(cell.samples[0])
        new.fields = {"text": "never seen before"}
        cell.samples.insert(0, new)
        for number, sample in enumerate(cell.samples, 1):
            sample.id, sample.index = str(number), number - 1
    found = changes(now, beside(before, now))
    assert found is not None
    score = found.rows[0].score
    assert (score.n, score.wins, score.ties, score.losses) == (60, 0, 40, 20)
    packed = pack(now.suites["large"], now.cells, beside(before, now))
    index = json.loads(gzip.decompress(b64decode(packed.index)))
    assert index["cells"][0]["before"]["correct"] == "-" + "1" * 20 + "0" * 10 + "1" * 30
