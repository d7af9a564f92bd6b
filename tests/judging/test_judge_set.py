"""Who judges: the suite, the command line and evalkit.yaml say so, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, UsageError
from tests.judging.judged import RUBRIC, always, echo, judgments, score, suite, verdicts


def test_without_a_judge_a_notice_and_no_score(run: Callable[..., Run]) -> None:
    done = run(suite(), {})
    assert "good" not in set(done.scores["score"])
    assert score(done, "exact_match").n == 9
    assert done.record.notices == ["s: good was not judged: no judge was named (--eval-judge NAME)"]


def test_a_gate_without_a_judge_is_an_error_before_the_run(
    run: Callable[..., Run],
) -> None:
    def model(prompt: Any) -> str:
        raise AssertionError("asked all the same")

    done = run(suite(gates=["good >= 2"]), {}, models={"m": model})
    verdict, reason = verdicts(done)["good >= 2"]
    assert (verdict, "needs a judge, but none was named" in reason) == ("error", True)


def test_an_unknown_judge_is_an_error(run: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match="did you mean 'judy'"):
        run(suite(), {"judy": always("Rating: 2")}, judges="judi")


def test_a_judge_that_cannot_compare_choices_is_an_error(run: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match="method: text"):
        run(suite(judges=[{"rubric": RUBRIC, "method": "choice"}]), {"j": always("2")})


def test_a_judge_under_test_is_reported(run: Callable[..., Run]) -> None:
    done = run(suite(), {}, models={"m": echo}, judges="m")
    assert any("self-preference" in notice for notice in done.record.notices)


def test_a_project_declares_its_judges(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "evalkit.yaml").write_text(
        "judges:\n  default: strict\n  strict: {model: j, method: structured}\n", encoding="utf-8"
    )
    judges = [{"rubric": RUBRIC}]
    done = run(suite(judges=judges), {"j": always('{"rating": "3"}')}, judges=())
    assert score(done, "good").value == 3.0
    assert judgments(done)[0].judge == "strict"
