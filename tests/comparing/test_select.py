"""From names to the pairs of cells to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from evalkit.comparing.select import select
from evalkit.errors import UsageError
from evalkit.records import RunRecord
from tests.reporting.runs import full_run

RUN = full_run(20)
RUNS = {"last": RUN, "before": replace(RUN, id="earlier")}


def selected(
    *names: str, suites: Sequence[str] = (), model: str = ""
) -> list[tuple[str, str, str]]:
    def load(name: str) -> RunRecord | None:
        return RUNS.get(name)

    return [(a.cell.suite, a.name, b.name) for a, b in select(names, load, suites, model)]


def test_two_cells_of_the_last_run() -> None:
    pair = ("film-sentiment", "smollm2/plain", "smollm2-4bit/few-shot")
    assert selected("smollm2/plain", "smollm2-4bit/few-shot") == [pair]


def test_prompts_are_compared_under_each_model_and_models_under_each_prompt() -> None:
    assert selected("plain", "few-shot") == [
        ("film-sentiment", f"{model}/plain", f"{model}/few-shot")
        for model in ("smollm2", "smollm2-4bit")
    ]
    assert selected("smollm2", "smollm2-4bit") == [
        ("film-sentiment", f"smollm2/{prompt}", f"smollm2-4bit/{prompt}")
        for prompt in ("plain", "few-shot")
    ]


def test_a_run_alone_is_compared_cell_by_cell() -> None:
    pairs = selected("last", suites=["film-sentiment"])
    assert len(pairs) == 6
    assert len(set(pairs)) == 6


def test_two_runs_are_compared_cell_by_cell_with_their_counterparts() -> None:
    pairs = selected("before", "last", suites=["film-sentiment"])
    assert len(pairs) == 4
    assert all(before == after for _, before, after in pairs)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("plain",), {}, "name two things to compare"),
        (("plain", "few-shoot"), {}, "did you mean 'few-shot'"),
        (("before", "last", "plain"), {}, "compare several runs, or cells of one run, not both"),
        (("last",), {"model": "smollm2"}, "name two runs"),
        (("last",), {"suites": ["film"]}, "unknown suite 'film'"),
    ],
)
def test_names_that_select_nothing_are_errors(
    names: tuple[str, ...], options: dict[str, Sequence[str]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        selected(*names, **options)  # type: ignore[arg-type]
