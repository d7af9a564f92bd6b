"""Which questions a judge is asked about a run's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evalkit import Run
from tests.judging.judged import RUBRIC, always, asked, judgments, score, suite


def test_repeated_answers_are_judged(run: Callable[..., Run]) -> None:
    count = iter(range(1000))
    models = {"m": lambda prompt: f"try {next(count) % 3}"}

    def judge(prompt: Any) -> str:
        return f"Rating: {1 + int(asked(prompt).split('try ')[1][0])}"

    declared = suite(repeats=3, generation={"temperature": 1.0})
    done = run(declared, {"j": judge}, models=models)
    assert score(done, "good").value == 2.0
    assert score(done, "good").n == 9
    assert len(judgments(done)) == 3


def test_a_limit_judges_a_subset(run: Callable[..., Run]) -> None:
    judges = [{"rubric": RUBRIC, "method": "text", "limit": 4}]
    done = run(suite(judges=judges), {"j": always("Rating: 2")})
    assert (score(done, "good").n, score(done, "good").lost) == (4, 0)
    assert "4 of 9" in score(done, "good").note
