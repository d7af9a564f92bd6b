"""Suites whose answers are code, from the response to pass@k."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, SpecError, UsageError, evaluate
from evalkit.comparing.cells import compare_in
from evalkit.metrics import Columns, run_metric
from evalkit.metrics.registry import BUILT_IN
from evalkit.sandbox import described, isolation_problem

HUMAN_EVAL = 'def add(a, b):\n    """Add two numbers."""\n'
ROWS = [
    {
        "id": "fenced",
        "prompt": HUMAN_EVAL,
        "test": "def check(candidate):\n    assert candidate(1, 2) == 3",
        "entry": "add",
    },
    {"id": "continued", "prompt": HUMAN_EVAL, "test": "assert add(1, 2) == 3", "entry": "add"},
    {
        "id": "wrong",
        "prompt": HUMAN_EVAL,
        "test": ["x = add(1, 2)", "assert x == 3"],
        "entry": "add",
    },
    {"id": "prose", "prompt": HUMAN_EVAL, "test": "assert True", "entry": "add"},
]
ANSWERS = {
    "fenced": "First:\n```bash\npip install x\n```\n```python\nprint('hello')\n```\nthen\n"
    "```python\ndef add(a, b):\n    return a + b\n```\nDone.",
    "continued": "    return a + b\n",
    "wrong": "```\ndef add(a, b):\n    return a - b\n```",
    "prose": "I would add them up.",
}


def suite(**more: Any) -> dict[str, Any]:
    return {
        "suite": "sums",
        "task": "code",
        "data": {"rows": ROWS, "tests": "test", "entry_point": "entry", "prefix": "prompt"},
        "prompts": {"p": {"text": "{{ id }}"}},
        "gates": ["pass@1 >= 0.5"],
        **more,
    }


MODE = "unsafe" if isolation_problem() else True


def test_a_suite_of_code(tmp_path: Path) -> None:
    run = evaluate(suite(), {"m": ANSWERS.__getitem__}, root=tmp_path, allow_code=MODE)
    assert list(run.samples["status"]) == ["ok", "ok", "ok", "unparsed"]
    assert list(run.samples["correct"]) == [True, True, False, False]
    assert list(run.samples["score.pass@1"]) == [1, 1, 0, 0]
    fenced, continued, wrong, prose = run.record.cells[0].samples
    assert "code block 2 of 2; its tests pass" in fenced.how
    assert "its tests fail: AssertionError (tests, line 2: assert x == 3)" in wrong.how
    assert wrong.answer.tests is not None
    assert not wrong.answer.tests.passed
    assert continued.prediction == ANSWERS["continued"]
    assert "no code block" in prose.how
    assert run.scores.set_index("score").loc["pass@1", "value"] == 0.5
    assert run.passed
    assert run.record.provenance.sandbox == described("unsafe" if MODE == "unsafe" else "sandbox")


def test_code_runs_only_if_allowed(tmp_path: Path) -> None:
    asked = []
    run = evaluate(suite(), {"m": asked.append}, root=tmp_path)
    assert not asked
    (cell,) = run.record.cells
    assert "--eval-allow-code" in cell.error
    assert run.record.provenance.sandbox == ""
    assert cell.gates[0].verdict == "error"
    with pytest.raises(UsageError, match="'unsafe'"):
        evaluate(suite(), {"m": asked.append}, root=tmp_path, allow_code="yes")


def test_a_suite_of_code_requires_its_keys(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"data.tests: the task code needs 'tests:'"):
        evaluate(suite(data={"rows": ROWS}), {"m": str}, root=tmp_path)
    with pytest.raises(SpecError, match="unknown column 'tset'; did you mean 'test'"):
        evaluate(suite(data={"rows": ROWS, "tests": "tset"}), {"m": str}, root=tmp_path)
    other = suite(task="generation", sandbox={"seconds": 3}, metrics=["length"], gates=[])
    with pytest.raises(SpecError) as caught:
        evaluate(other, {"m": str}, root=tmp_path)
    assert "'tests' is only for the task code" in str(caught.value)
    assert "'sandbox' is only for the task code" in str(caught.value)


def test_pass_at_k_counts_the_draws_in_which_one_passes() -> None:
    passed = [(True, False, False, False), (True, True, False, False), (False,) * 4, (True,) * 4]
    columns = Columns(["x"] * 4, [()] * 4, passed=passed)
    for k in (1, 2, 3, 4):
        wanted = [sum(any(draw) for draw in combinations(p, k)) / math.comb(4, k) for p in passed]
        (score,) = run_metric(f"pass@{k}", columns).values()
        assert score.per_sample is not None
        assert list(score.per_sample) == pytest.approx(wanted)
        assert score.value == pytest.approx(sum(wanted) / 4)
        assert score.low < score.value < score.high
    (few,) = run_metric("pass@5", columns).values()
    assert math.isnan(few.value)
    assert "needs 5 answers to each question, and there are 4" in few.note
    assert BUILT_IN.find("pass@0") is None
    assert BUILT_IN.find("pass@100") is not None


SIX = [{**ROWS[0], "id": f"q{i}"} for i in range(6)]
HALF = {
    "m1": [[True, False, False]] * 6,  # passes once in three, the first time
    "m2": [[False, True, True]] * 6,  # twice in three, never the first time
}


def repeated(right: dict[str, list[list[bool]]]) -> dict[str, Callable[[str], str]]:
    """Models that answer the questions of SIX; by model and question, which answers pass."""

    def model(of: list[list[bool]]) -> Callable[[str], str]:
        left = {f"q{i}": list(answers) for i, answers in enumerate(of)}

        def answer(prompt: str) -> str:
            result = "a + b" if left[prompt].pop(0) else "a - b"
            return f"```python\ndef add(a, b):\n    return {result}\n```"

        return answer

    return {name: model(of) for name, of in right.items()}


def share(columns: Columns) -> float:
    """The share of answers that pass, as one number of all of them."""
    passed = [ok for row in columns.passed for ok in row]
    return sum(passed) / len(passed)


def compare_models(tmp_path: Path, **more: Any) -> Run:
    declared = suite(
        data={"rows": SIX, "tests": "test", "entry_point": "entry", "prefix": "prompt"},
        repeats=3,
        generation={"temperature": 1.0},
        metrics=["share"],
        **more,
    )
    return evaluate(
        declared, repeated(HALF), root=tmp_path, allow_code=MODE,
        metrics={"share": {"function": share, "low": 0, "high": 1}},
    )  # fmt: skip


def test_every_repeat_keeps_its_test_results(tmp_path: Path) -> None:
    """A metric that is computed again for a comparison sees the tests of every answer."""
    run = compare_models(tmp_path, gates=["share >= m1/p at 0.9", "share >= m1/p"])
    m1, m2 = run.record.cells
    assert m1.scores["share"].value == pytest.approx(1 / 3)
    assert m2.scores["share"].value == pytest.approx(2 / 3)
    certain, plain = m2.gates
    assert (certain.verdict, plain.verdict) == ("pass", "pass")
    assert certain.margin == pytest.approx(1 / 3)
    (found,) = compare_in(run.record, "sums", registry=run.registry)
    assert found.scores[0].a == pytest.approx(1 / 3)
    assert found.scores[0].b == pytest.approx(2 / 3)
    assert found.scores[0].difference == pytest.approx(1 / 3)
    for cell, right in zip((m1, m2), HALF.values(), strict=True):
        told = [[a.tests.passed for a in s.answers if a.tests] for s in cell.samples]
        assert told == right
        assert [[a.correct for a in s.answers] for s in cell.samples] == right
        assert all("its tests" in a.explanation for s in cell.samples for a in s.answers)
        assert all(a.tests.seconds >= 0 and a.output for s in cell.samples for a in s.answers)


def test_repeated_answers_give_pass_at_k(tmp_path: Path) -> None:
    """Of four answers to each of two questions, one and three are right."""
    right = {"fenced": [True, False, False, False], "continued": [True, True, True, False]}
    left = {name: list(answers) for name, answers in right.items()}

    def answer(prompt: str) -> str:
        result = "a + b" if left[prompt].pop() else "a - b"
        return f"```python\ndef add(a, b):\n    return {result}\n```"

    declared = suite(
        data={"rows": ROWS[:2], "tests": "test", "entry_point": "entry", "prefix": "prompt"},
        repeats=4,
        generation={"temperature": 1.0},
        metrics=["pass@1", "pass@2", "pass@4", "pass@5"],
        gates=["pass@2 >= 0.7"],
    )
    run = evaluate(declared, {"m": answer}, root=tmp_path, allow_code=MODE)
    scores = run.scores.set_index("score")
    assert scores.loc["pass@1", "value"] == pytest.approx((1 / 4 + 3 / 4) / 2)
    assert scores.loc["pass@2", "value"] == pytest.approx((1 / 2 + 1) / 2)
    assert scores.loc["pass@4", "value"] == 1
    assert math.isnan(scores.loc["pass@5", "value"])
    assert scores.loc["pass@2", "n"] == 2
    assert run.passed
