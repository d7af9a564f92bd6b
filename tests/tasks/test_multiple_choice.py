"""Several right choices, and which way answers lean, from a suite to its scores."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.comparing.operand import side_of
from evalkit.comparing.scores import compare_score
from evalkit.errors import SpecError

ROWS = [
    {"q": "1", "options": ["a", "b", "c"], "right": ["a", "b"], "kind": "x"},
    {"q": "2", "options": ["a", "b"], "right": ["b"], "kind": "y"},
]
LIKELY = {"1": [0.05, 0.01, 0.02], "2": [0.3, 0.1]}


class Model:
    """An application that returns likelihoods of choices, and otherwise answers with the first."""

    def __call__(self, prompt: Any) -> str:
        return str(prompt[-1]["content"])

    def evalkit_choose(self, prompt: Any, choices: list[str]) -> list[float]:
        return [math.log(p) for p in LIKELY[prompt[-1]["content"]]]


def suite(**keys: Any) -> dict[str, Any]:
    return {
        "suite": "several",
        "task": "multiple-choice",
        "data": {"rows": ROWS, "choices": "options", "target": "right", "group": "kind"},
        "prompt": "{{ q }}",
        "metrics": ["accuracy", "target_probability"],
        **keys,
    }


def test_the_probability_of_all_right_choices(tmp_path: Path) -> None:
    run = evaluate(suite(), {"m": Model()}, root=tmp_path)
    value = run.scores.set_index("score").value
    assert value["target_probability"] == pytest.approx((0.75 + 0.25) / 2)
    assert value["target_probability[kind=x]"] == pytest.approx(0.75)
    assert value["accuracy"] == 0.5
    [cell] = run.record.cells
    assert [sample.correct for sample in cell.samples] == [True, False]
    assert cell.samples[0].scores["target_probability"] == pytest.approx(0.75)


def test_the_probability_needs_likelihoods(tmp_path: Path) -> None:
    run = evaluate(suite(answer="text"), {"m": Model()}, root=tmp_path)
    [score] = [s for s in run.record.cells[0].scores.values() if s.name == "target_probability"]
    assert score.value is None
    assert "choices" in score.note


BIAS = {"toward": "old", "away": "young"}
SAID = {
    "ambig": ["Rose", "Rose", "Tim", "unknown"],
    "disambig": ["Rose", "Rose", "Rose", "Tim"],
}
LEANING = [
    {"q": said, "old": "Rose", "young": "Tim", "right": "?", "context": context, "p": str(i)}
    for context, answers in SAID.items()
    for i, said in enumerate(answers)
]


def leaning(**data: Any) -> dict[str, Any]:
    return {
        "suite": "leaning",
        "task": "qa",
        "data": {"rows": LEANING, "target": "right", "group": "context", **data},
        "prompt": "{{ q }}",
        "metrics": [{"bias_score": BIAS}, {"scaled_bias_score": BIAS}],
        "gates": ["bias_score[context=disambig] <= 0.4", "scaled_bias_score[context=ambig] <= 0.3"],
    }


@pytest.mark.parametrize("cluster", [{}, {"cluster": "p"}])
def test_bias_by_kind_of_context(tmp_path: Path, cluster: dict[str, str]) -> None:
    run = evaluate(leaning(**cluster), {"m": Model()}, root=tmp_path)
    [cell] = run.record.cells
    scores = cell.scores
    s_dis = scores["bias_score[context=disambig]"]
    assert (s_dis.value, s_dis.n) == (2 * 3 / 4 - 1, 4)
    s_amb = scores["scaled_bias_score[context=ambig]"]
    assert s_amb.value == pytest.approx((1 - 1 / 4) * (2 * 2 / 3 - 1))
    assert s_amb.n == 4
    assert (s_amb.range_low, s_amb.range_high, s_amb.better) == (-1.0, 1.0, "")
    whole = scores["bias_score"]
    assert (whole.value, whole.n) == (pytest.approx(2 * 5 / 7 - 1), 7)
    for score in (s_dis, s_amb, whole):
        assert score.low is not None
        assert -1 <= score.low <= score.value <= score.high <= 1  # type: ignore[operator]
    assert [gate.verdict for gate in cell.gates] == ["fail", "pass"]


def test_a_missing_column_is_an_error_before_the_run(tmp_path: Path) -> None:
    declared = leaning()
    declared["metrics"] = [{"bias_score": {"toward": "olf", "away": "young"}}]
    declared["gates"] = []
    with pytest.raises(
        SpecError, match=r"metrics\[0\]: toward: unknown column 'olf'; did you mean"
    ):
        evaluate(declared, {"m": Model()}, root=tmp_path)


class Unsure(Model):
    """Where the other says Rose, this one cannot know."""

    def __call__(self, prompt: Any) -> str:
        return super().__call__(prompt).replace("Rose", "unknown")


def test_models_that_lean_on_different_samples_are_compared(tmp_path: Path) -> None:
    run = evaluate(leaning(), {"m": Model(), "unsure": Unsure()}, root=tmp_path)
    one, other = (side_of(run.record, cell) for cell in run.record.cells)
    found = compare_score(one, other, "bias_score[context=disambig]")
    assert (found.a, found.b, found.difference) == (0.5, -1.0, -1.5)
    whole = compare_score(one, other, "bias_score")
    assert whole.test == "permutation, exact"
    assert whole.low <= whole.difference <= whole.high
