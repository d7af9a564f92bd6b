"""Pairs of cells: wins, strengths, and what the order of the two does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evalkit import Run
from evalkit.records.analyses import OpponentRow
from evalkit.records.judgments import Pair
from tests.judging.judged import PAIRS, always, asked, judgments, prefers, score, suite, verdicts


def test_pairs_of_all_cells(run: Callable[..., Run]) -> None:
    models = {"gold": always("gold"), "silver": always("silver"), "lead": always("lead")}
    done = run(suite(**PAIRS), {"j": prefers("gold", "silver")}, models=models)
    assert [score(done, "preference", m).value for m in models] == [1.0, 0.5, 0.0]
    found = {
        cell.model: next(a for a in cell.analyses if a.kind == "pairwise")
        for cell in done.record.cells
    }
    strengths = [found[m].strength for m in models]
    assert strengths == sorted(strengths, reverse=True)
    assert found["silver"].opponents == (
        OpponentRow("gold/p", wins=0, ties=0, losses=9),
        OpponentRow("lead/p", wins=9, ties=0, losses=0),
    )
    beside = judgments(done, 0, 1)
    assert [(j.pair, j.reply.value) for j in beside] == [
        (Pair("gold/p", "B"), 0.0), (Pair("gold/p", "A"), 0.0),
        (Pair("lead/p", "B"), 1.0), (Pair("lead/p", "A"), 1.0),
    ]  # fmt: skip


def test_the_order_of_the_models_changes_no_verdict(run: Callable[..., Run]) -> None:
    """A whole run with a judge that often prefers the first text."""
    models = {"x": always("plain x"), "y": always("plain y"), "z": always("gold")}
    judge = {"j": prefers("gold")}
    forth = run(suite(**PAIRS), judge, models=models)
    back = run(suite(**PAIRS), judge, models=dict(reversed(models.items())))
    for model in models:
        assert score(forth, "preference", model).value == score(back, "preference", model).value
    [x] = [a for a in forth.record.cells[0].analyses if a.kind == "pairwise"]
    assert x.opponents[0] == OpponentRow("y/p", wins=0, ties=9, losses=0)
    assert (x.pairs, x.contradicted) == (18, 9)


def test_pairs_with_a_reference_cell_and_with_the_target(run: Callable[..., Run]) -> None:
    models = {"gold": always("gold"), "lead": always("lead")}
    against = {"judges": [{**PAIRS["judges"][0], "against": "lead/p"}]}
    done = run(suite(**against), {"j": prefers("gold")}, models=models)
    assert score(done, "preference", "gold").value == 1.0
    target = {"judges": [{**PAIRS["judges"][0], "against": "target"}]}
    done = run(suite(**target), {"j": prefers("answer")}, models=models)
    assert score(done, "preference", "gold").value == 0.0


def test_equal_answers_tie_without_a_request(run: Callable[..., Run]) -> None:
    def judge(prompt: Any) -> str:
        raise AssertionError("asked about two equal texts")

    models = {"x": always("same"), "y": always("same")}
    assert score(run(suite(**PAIRS), {"j": judge}, models=models), "preference", "x").value == 0.5


def test_a_pair_without_an_opponent_is_an_error(run: Callable[..., Run]) -> None:
    done = run(suite(**PAIRS, gates=["preference >= 0.5"]), {"j": prefers("x")})
    assert score(done, "preference").n == 0
    assert "no other answer to compare with" in verdicts(done)["preference >= 0.5"][1]


def test_a_lost_answer_affects_both_cells_of_a_pair(run: Callable[..., Run]) -> None:
    """Only a cell that met all opponents has a grade: some are harder to beat than others."""

    def broken(prompt: Any) -> str:
        if "question 4" in asked(prompt):
            raise ValueError("lost")
        return "broken"

    whole: dict[str, Any] = {"x": always("whole x"), "y": always("whole y")}
    for name in ("a", "z"):  # stands before the others, or after them
        models = {name: broken, **whole}
        done = run(suite(max_errors=9, **PAIRS), {"j": prefers("whole x")}, models=models)
        counts = {model: int(score(done, "preference", model).n) for model in models}
        assert counts == {name: 8, "x": 8, "y": 8}
