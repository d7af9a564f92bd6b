from __future__ import annotations

import pytest
from rich.cells import cell_len

from evalkit.records import CellRecord, GateRecord, RunRecord
from evalkit.reporting.markdown import render_markdown
from evalkit.reporting.summary import (
    cell_verdict,
    headline,
    judged_gates,
    limited,
    lost,
    main_score,
)
from evalkit.reporting.terminal import summary_lines

from .runs import HOSTILE, empty_run, failed_cell


def gates(**verdicts: int) -> RunRecord:
    made = [
        GateRecord("r", verdict, "s", ">=", 0.5, 0.5, None, None, 0.0, 1, None, "")
        for verdict, number in verdicts.items()
        for _ in range(number)
    ]
    cell = CellRecord("suite", "model", "prompt", "qa", 1, 1, {"ok": 1}, {}, made, [])
    return empty_run(cells=[cell])


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ({}, "No gates were set"),
        ({"pass": 1}, "The gate passes"),
        ({"pass": 12}, "All 12 gates pass"),
        ({"pass": 1, "none": 2}, "The gate passes"),
        ({"none": 1, "fail": 1}, "1 of 1 gate fails"),
        ({"fail": 1}, "1 of 1 gate fails"),
        ({"pass": 9, "fail": 3}, "3 of 12 gates fail"),
        ({"pass": 1, "inconclusive": 1}, "1 of 2 gates is inconclusive"),
        ({"fail": 1, "error": 2, "inconclusive": 3},
         "1 of 6 gates fails, 2 could not be judged, 3 are inconclusive"),
    ],
)  # fmt: skip
def test_the_headline_counts(verdicts: dict[str, int], sentence: str) -> None:
    assert headline(gates(**verdicts)) == sentence


@pytest.mark.parametrize(
    ("verdicts", "broken", "sentence"),
    [
        ({}, 2, "No gates were set, 2 checks on responses fail"),
        ({"pass": 1}, 1, "1 gate passes, 1 check on a response fails"),
        ({"pass": 2}, 3, "2 gates pass, 3 checks on responses fail"),
        ({"pass": 1, "fail": 1}, 1200, "1 of 2 gates fails, 1,200 checks on responses fail"),
        ({"pass": 2}, 0, "All 2 gates pass"),
    ],
)
def test_the_headline_counts_checks_that_fail(
    verdicts: dict[str, int], broken: int, sentence: str
) -> None:
    run = gates(**verdicts)
    run.cells[0].checks = {"max_words: 30": broken, "json: true": 0}
    assert headline(run) == sentence
    assert summary_lines(run)[0] == sentence
    assert sentence in render_markdown(run)


def test_failures_come_first(run: RunRecord) -> None:
    verdicts = [judged.gate.verdict for judged in judged_gates(run)]
    assert verdicts == ["fail"] * 7 + ["error"] * 2 + ["inconclusive"] * 2 + ["pass"] * 5


def test_a_cell_without_answers_is_always_an_error() -> None:
    cell = failed_cell("s", "m", "p", 3)
    assert cell_verdict(cell) == "error"
    cell.gates.clear()
    assert cell_verdict(cell) == "error"


def test_the_main_score_is_the_suites_first_metric(run: RunRecord) -> None:
    film = run.cells[0]
    film_first = main_score(run, film)
    assert film_first is not None
    assert film_first.name == "accuracy"
    assert main_score(run, run.cells[5]) is None


def test_losses_are_listed_most_severe_first(run: RunRecord) -> None:
    assert lost(run.cells[4]) == {"error": 1, "overflow": 1, "unparsed": 11, "truncated": 1}
    assert lost(run.cells[0]) == {}


def test_a_limited_run_says_so() -> None:
    assert limited(2000, 150) == "150 of 2,000, seeded"
    assert limited(150, None) == "150"
    assert limited(150, 150) == "150"


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


def test_gates_without_a_verdict_are_shown_but_not_counted() -> None:
    run = gates(**{"pass": 1, "none": 2})
    assert run.verdicts["pass"] == sum(run.verdicts.values()) == 1
    assert "1 of 1" in "\n".join(summary_lines(run, 80))
    text = render_markdown(run)
    assert "1 passing gate<" in text
    assert text.count("| – | r |") == 2


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


def test_wide_names_align_and_are_truncated_to_the_width() -> None:
    cells = [failed_cell("s", name, "p", 3) for name in ("情感" * 30, "b")]
    lines = summary_lines(empty_run(cells=cells), 80)
    assert max(map(cell_len, lines)) <= 80
    rows = [line for line in lines if line.startswith("ERROR")]
    assert len(rows) == 2
    assert len({cell_len(row) for row in rows}) == 1
