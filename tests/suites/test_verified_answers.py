"""Recompute those answers of the shipped suites that can be computed."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.content import folder
from evalkit.sandbox import isolation_problem

SUITES = folder("suites")
MODE = "unsafe" if isolation_problem() else True


def rows(name: str) -> list[dict[str, Any]]:
    lines = (SUITES / "data" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ARITHMETIC = rows("arithmetic.jsonl")
FUNCTIONS = rows("functions.jsonl")


@pytest.mark.parametrize("row", ARITHMETIC, ids=lambda row: row["id"])
def test_worked_solutions_give_the_answer(row: dict[str, Any]) -> None:
    known = {name: getattr(math, name) for name in dir(math)} | {"Fraction": Fraction}
    worked_out = Fraction(eval(row["working"], known))  # noqa: S307 (our own file)
    assert worked_out == Fraction(row["answer"])


def test_there_are_enough_problems_of_every_kind_and_level() -> None:
    assert len(ARITHMETIC) >= 80
    assert len({row["problem"] for row in ARITHMETIC}) == len(ARITHMETIC)
    assert {row["level"] for row in ARITHMETIC} == {"easy", "medium", "hard"}


def asked_for(messages: list[dict[str, str]]) -> dict[str, Any]:
    (row,) = [row for row in FUNCTIONS if row["function"] in messages[-1]["content"]]
    return row


def solved(messages: list[dict[str, str]]) -> str:
    """The reply of a perfect programmer."""
    row = asked_for(messages)
    return f"Here it is.\n\n```python\n{row['function']}{row['solution']}```"


def unsolved(messages: list[dict[str, str]]) -> str:
    return f"```python\n{asked_for(messages)['function']}    return None\n```"


def test_solutions_pass_their_tests_and_empty_code_fails(tmp_path: Path) -> None:
    run = evaluate(
        SUITES / "functions.eval.yaml",
        models={"right": solved, "wrong": unsolved},
        prompts=["complete"],
        store=tmp_path,
        allow_code=MODE,
    )
    values = run.scores.query("score == 'pass@1'").set_index("model")["value"]
    assert values["right"] == 1.0
    assert values["wrong"] == 0.0
    assert len(FUNCTIONS) >= 30
