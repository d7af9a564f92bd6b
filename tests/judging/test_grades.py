"""From replies to grades of samples, their scores and what is compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, UsageError
from evalkit.records.judgments import Category
from tests.judging.judged import (
    RUBRIC,
    always,
    asked,
    judgments,
    number,
    prefers,
    score,
    suite,
    verdicts,
)


def test_a_judged_score_has_groups_gates_and_records(run: Callable[..., Run]) -> None:
    done = run(
        suite(gates=["good >= 2", "good[kind=odd] >= 3", {"metric": "good", "min": 2.9,
                                                          "confidence": 0.95}]),
        {"j": lambda p: f"Rating: {3 if number(p) % 2 else 1}"},
    )  # fmt: skip
    assert score(done, "good").value == pytest.approx((4 * 3 + 5 * 1) / 9)
    assert (score(done, "good").range_low, score(done, "good").range_high) == (1.0, 3.0)
    assert score(done, "good[kind=odd]").value == 3.0
    assert score(done, "good[kind=even]").n == 5
    assert [verdict for verdict, _ in verdicts(done).values()] == ["fail", "pass", "fail"]
    [one] = judgments(done)
    assert one.text == "Rating: 1"
    assert (one.judge, one.reply.status, one.reply.value) == ("j", "ok", 1.0)
    assert len(one.rubric) == 12
    assert "Is it good?" in str(one.prompt[0])
    assert done.record.cells[0].samples[1].scores["good"] == 3.0


def test_a_panel_of_three_one_of_which_errors_on_every_third(run: Callable[..., Run]) -> None:
    """Scores have their n, errors are visible, and the gate obeys max_errors."""

    def moody(prompt: Any) -> str:
        if number(prompt) % 3 == 0:
            raise RuntimeError("no mood")
        return "Rating: 3"

    panel = {"low": always("Rating: 1"), "high": always("Rating: 3"), "moody": moody}
    declared = suite(gates=["good >= 2", "exact_match >= 0"])
    done = run(declared, panel)
    assert score(done, "good").value == pytest.approx((1 + 3 + 3) / 3)
    assert (score(done, "good").n, score(done, "good").lost) == (6, 3)
    verdict, reason = verdicts(done)["good >= 2"]
    assert (verdict, "3 error" in reason, "no mood" in reason) == ("fail", True, True)
    assert verdicts(done)["exact_match >= 0"][0] == "pass"  # the model itself lost nothing
    assert verdicts(run({**declared, "max_errors": 3}, panel))["good >= 2"][0] == "pass"
    [table] = [a for a in done.record.cells[0].analyses if a.kind == "judged"]
    assert [row.statuses for row in table.judges] == [{"ok": 9}, {"ok": 9},
                                                            {"error": 3, "ok": 6}]  # fmt: skip
    assert (table.panel.complete, table.panel.differ) == (6, 6)
    errors = [j for j in judgments(done) if j.reply.status == "error"]
    assert [e.judge for e in errors] == ["moody"]


@pytest.mark.parametrize(("how", "expected"), [("median", 1.0), ("majority", 1.0), ("mean", 5 / 3)])
def test_panel_agreement_is_reported(run: Callable[..., Run], how: str, expected: float) -> None:
    panel = {"a": always("Rating: 1"), "b": always("Rating: 1"), "c": always("Rating: 3")}
    judges = [{"rubric": RUBRIC, "method": "text", "aggregate": how}]
    assert score(run(suite(judges=judges), panel), "good").value == pytest.approx(expected)


def test_criteria_are_weighted_and_have_their_own_scores(run: Callable[..., Run]) -> None:
    criteria = {"short": {"text": "It is short.", "weight": 3}, "true": "It is true."}
    entry = {"rubric": "instruction-following", "criteria": criteria, "method": "text"}

    def judge(prompt: Any) -> str:
        return "Verdict: Yes" if "It is short." in asked(prompt) else "Verdict: No"

    done = run(suite(judges=[entry], gates=["instruction-following[true] <= 0"]), {"j": judge})
    assert score(done, "instruction-following").value == 0.75
    assert score(done, "instruction-following[short]").value == 1.0
    assert done.passed


def test_grades_are_compared_on_the_samples_that_both_have(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    """A judge of some of the samples, one of whose replies cannot be parsed."""
    part = {"rubric": RUBRIC, "method": "text", "limit": 6}
    declared = suite(
        max_errors=9,
        judges=[part],
        gates=["good >= baseline - 0.5", "good[kind=odd] >= baseline - 0.5 at 95%"],
    )
    before = run({**declared, "gates": []}, {"j": always("Rating: 2")})
    before.to_json(tmp_path / "base.json")
    lost = next(j for j in range(9) if "good" in before.record.cells[0].samples[j].scores)

    def judge(prompt: Any) -> str:
        return "hm" if number(prompt) == lost else "Rating: 3"

    for baseline in (before.record.id, "base.json"):
        done = run(declared, {"j": judge}, baseline=baseline)
        told = verdicts(done)
        # Grades of few samples that all rose alike are no certainty.
        assert [verdict for verdict, _ in told.values()] == ["pass", "inconclusive"], told
        assert "+1.000" in told["good[kind=odd] >= baseline - 0.5 at 95%"][1]


def test_a_changed_rubric_does_not_fit_a_baseline(run: Callable[..., Run], tmp_path: Path) -> None:
    declared = suite(gates=["good >= baseline - 1"])
    judge = {"j": always("Rating: 2")}
    first = run(suite(), judge)
    first.to_json(tmp_path / "base.json")
    assert run(declared, judge, baseline="base.json").passed
    other = suite(judges=[{"rubric": {**RUBRIC, "judged": "reply"}, "method": "text"}])
    with pytest.raises(UsageError, match=r"settings have changed|rubric 'good' has changed"):
        run(other, judge, baseline="base.json")


def test_grades_of_other_judges_do_not_fit_a_baseline(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    declared = suite(gates=["good >= baseline - 1"])
    run(declared, {"mild": always("Rating: 3")}).to_json(tmp_path / "base.json")
    strict = {"strict": always("Rating: 2")}
    with pytest.raises(UsageError, match="'good' is graded by strict instead of mild"):
        run(declared, strict, baseline="base.json")
    assert run(declared, strict, baseline="base.json", allow_changed_baseline=True).passed
    ungated = suite()  # without a judge nothing is compared that judges gave
    assert "good" not in run(ungated, {}, baseline="base.json").record.cells[0].scores


KINDS = {"fact": "It states a fact.", "view": "It states a view."}


def test_a_category_is_no_grade(run: Callable[..., Run]) -> None:
    def judge(prompt: Any) -> str:
        return "Category: B" if "Which category" in asked(prompt) else "Rating: 2"

    judges = [{"rubric": {**RUBRIC, "categories": KINDS}, "method": "text"}]
    done = run(suite(judges=judges), {"j": judge})
    assert score(done, "good").value == 2.0
    graded, named = judgments(done)
    assert (graded.aspect.name, graded.reply.value) == ("", 2.0)
    assert (named.aspect, named.reply.answer, named.reply.value) == (Category(), "view", None)


def test_a_criterion_may_be_called_category(run: Callable[..., Run]) -> None:
    criteria = {"category": "Its category is right.", "true": "It is true."}
    entry = {"rubric": "instruction-following", "criteria": criteria, "method": "text"}
    done = run(suite(judges=[entry]), {"j": always("Verdict: Yes")})
    assert score(done, "instruction-following[category]").value == 1.0


def test_the_category_of_a_pair_is_no_verdict(run: Callable[..., Run]) -> None:
    better = prefers("gold", "lead")
    rubric = {
        "name": "kind", "description": "Which is better?", "mode": "pairwise",
        "categories": KINDS, "prompt": "{{ q }}\n\nAnswer A: {{ a }}\n\nAnswer B: {{ b }}",
    }  # fmt: skip

    def judge(prompt: Any) -> str:
        return "Category: B" if "Which category" in asked(prompt) else better(prompt)

    models = {"gold": always("gold"), "lead": always("lead")}
    declared = suite(judges=[{"rubric": rubric, "method": "text"}])
    done = run(declared, {"j": judge}, models=models)
    assert [score(done, "kind", m).value for m in models] == [1.0, 0.0]
    [report] = [a for a in done.record.cells[0].analyses if a.kind == "pairwise"]
    assert (report.pairs, report.contradicted) == (9, 0)
