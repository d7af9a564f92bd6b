"""The terminal's summary."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from evalkit.records import RunRecord
from evalkit.reporting.terminal import summary_lines

from .runs import empty_run, failed_cell


@pytest.mark.parametrize("width", [20, 80, 100, 120, 300])
def test_terminal_lines_fit_with_failures_first(run: RunRecord, width: int) -> None:
    lines = summary_lines(run, width)
    assert lines[0] == "7 of 16 gates fail, 2 could not be judged, 2 are inconclusive"
    assert max(map(len, lines)) <= min(max(width, 80), 120)
    marks = [
        line.split()[0]
        for line in lines
        if line.startswith(("FAIL", "ERROR", "UNSURE", "pass", "-"))
    ]
    assert marks == ["FAIL"] * 4 + ["ERROR", "UNSURE", "-"]


def test_a_terminal_line_has_score_interval_gates_and_losses(run: RunRecord) -> None:
    lines = summary_lines(run, 120)
    accuracy = run.cells[1].scores["accuracy"]
    line = next(line for line in lines if "smollm2/few-shot" in line)
    assert line.split() == [
        "FAIL", "smollm2/few-shot", "accuracy", f"{accuracy.value:.3f}",
        f"[{accuracy.low:.3f},", f"{accuracy.high:.3f}]", "150", "2", "of", "3",
    ]  # fmt: skip
    assert "        1 error, 1 overflow, 11 unparsed, 1 truncated" in lines
    assert any("148/150" in line for line in lines)
    assert any("no file weights.safetensors" in line for line in lines)


def test_terminal_lines_carry_no_control_characters() -> None:
    cell = failed_cell("s\x1b[31m", "m\nn", "p\u202e", 3)
    cell.error = "\x1b]0;title\x07 half \ud83d"
    lines = summary_lines(empty_run(cells=[cell]))
    assert all(line.isprintable() for line in lines)
    "\n".join(lines).encode("utf-8")


def test_wide_names_align_and_are_truncated_to_the_width() -> None:
    cells = [failed_cell("s", name, "p", 3) for name in ("情感" * 30, "b")]
    lines = summary_lines(empty_run(cells=cells), 80)
    assert max(map(cell_len, lines)) <= 80
    rows = [line for line in lines if line.startswith("ERROR")]
    assert len(rows) == 2
    assert len({cell_len(row) for row in rows}) == 1
