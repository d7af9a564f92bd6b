from __future__ import annotations

import pytest

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

from .runs import empty_run, failed_cell


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


def test_gates_without_a_verdict_are_shown_but_not_counted() -> None:
    run = gates(**{"pass": 1, "none": 2})
    assert run.verdicts["pass"] == sum(run.verdicts.values()) == 1
    assert "1 of 1" in "\n".join(summary_lines(run, 80))
    text = render_markdown(run)
    assert "1 passing gate<" in text
    assert text.count("| – | r |") == 2
