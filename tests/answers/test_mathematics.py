"""Final answers to mathematical questions, against math-verify itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from evalkit import SpecError, evaluate
from evalkit.answers import mathematics
from evalkit.answers.mathematics import equal, final_answer
from evalkit.metrics import compute

math_verify = pytest.importorskip("math_verify")

SOLUTIONS = [
    r"We get $\frac{3}{6}$, so the answer is $\boxed{\frac{1}{2}}$.",
    "3 cats and 5 dogs make 8 animals. The answer is 8.",
    "She pays 4 * 18 = 72 dollars.\n#### 72",
    "**Answer: 42**",
    "It costs $18.",
    "about 50%",
    "that is 1,234,567 in all",
    r"$x = 5$ or $x=-5$",
    r"The set is $\{1, 2, 3\}$",
    r"final answer is $2\sqrt{2}$. I hope it is correct.",
    r"\boxed{\text{east}}",
    "I got 3/4",
    "-0.25",
    "no idea",
    "",
]
GOLDS = [
    "0.5",
    "8",
    "72",
    "42",
    "18",
    "1/2",
    "1234567",
    "-5",
    "{3,2,1}",
    r"\sqrt{8}",
    "3/4",
    "-1/4",
]


def test_verdicts_equal_those_of_math_verify() -> None:
    """On whole solutions: extracting the answer first changes nothing."""
    for solution in SOLUTIONS:
        taken = final_answer(solution).prediction
        assert (taken is None) == (math_verify.parse(solution) == []), solution
        for gold in GOLDS:
            wanted = math_verify.verify(math_verify.parse(f"${gold}$"), math_verify.parse(solution))
            assert (taken is not None and equal(taken, (gold,))) == wanted, (solution, gold)


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [
        ("0.5", r"\frac{1}{2}", True),
        (r"\frac{2}{4}", "1/2", True),
        ("$(x+1)^2$", "x^2+2x+1", True),
        ("18", "7 and 11 make 18\n#### 18", True),
        ("7", "7 and 11 make 18\n#### 18", False),
        ("$\\text{east}$", "East", True),
        ("$\\text{west}$", "East", False),
        ("1,000", "1000", True),
        ("5", "5 apples", True),
        ("0.33", "1/3", False),
    ],
)
def test_equality(answer: str, reference: str, same: bool) -> None:
    assert equal(answer, (reference,)) is same
    assert equal(answer, ("no such thing", reference)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("(3, 4)", "(3,4)", True),
        ("(½, 1)", "(0.5, 1)", True),
        ("(4,3)", "(3,4)", False),
        ("(3, 4)", "4", False),
        ("[1, 2)", "[1,2)", True),
        ("(2,1]", "(5,3]", False),
        (r"2\sqrt{3} + 1", r"1+2\sqrt{3}", True),
        (r"2\sqrt{3} + 1", "1", False),
        ("2√3 + 1", r"1+2\sqrt{3}", True),
        ("3x + 2", "2+3x", True),
        ("3x + 2", "2", False),
        ("x²+2x+1", "(x+1)^2", True),
        ("1.22", "1,22", True),
        ("$1,22$", "1.22", True),
        ("1,2", "2, 1", True),
        ("1,234", "1234", True),
        ("−5", "-5", True),
        ("$−5$", "-5", True),
        ("−5", "5", False),
        ("１２", "12", True),
        ("½", "0.5", True),
        ("3½", "7/2", True),
        ("3 1/2", "3.5", True),
        ("⅓", "1/3", True),
        ("1.5e3", "1500", True),
        (r"1.5 \times 10^3", "1500", True),
        ("1 234", "1234", True),
        (r"9{,}500", "9500", True),
        ("1.5 million", "1500000", True),
        ("25 cm²", "25", True),
        ("5!", "120", True),
        ("12:30", "30", False),
        ("12/05/2020", "2020", False),
        ("seat", "east", False),
    ],
)
def test_equality_is_symmetric(one: str, other: str, same: bool) -> None:
    assert equal(one, (other,)) is same
    assert equal(other, (one,)) is same


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{3}\boxed{4}", "4"),
        (r"\boxed{3}, \boxed{4}", "4"),
        (r"first \boxed{3} then \boxed{4}.", "4"),
        (r"$\boxed{3}$ or $\boxed{4}$", "4"),
        (r"\boxed{3}. Check: 3+4=7", "3"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed 5", "5"),
        (r"so $\boxed\frac{1}{2}$.", "0.5"),
        (r"\boxed{(3, 4)}", "(3,4)"),
        ("The point is (3, 4).", "(3,4)"),
        (r"The answer is 2\sqrt{3} + 1.", r"1+2\sqrt{3}"),
        ("The equation is y = 3x + 2.", "3x+2"),
        ("The answer is −5.", "-5"),
        ("The answer is 3½ cups.", "3.5"),
        ("The answer is 1.5e3.", "1500"),
        ("The answer is 1 234.", "1234"),
        ("It is １２.", "12"),
        ("Speed = 3 × 10^8 m/s", "300000000"),
        ("The area is 5 * 4 = 20 m^2.", "20"),
        ("10 / 2 = 5 and 5 * 3 = 15.", "15"),
    ],
)
def test_a_final_answer_is_taken_whole(text: str, answer: str) -> None:
    taken = final_answer(text).prediction
    assert taken is not None
    assert equal(taken, (answer,)), taken


@pytest.mark.parametrize("text", [r"so \boxed{}", r"\boxed{3} and \boxed{4", "At 10:30.", "N/A"])
def test_a_broken_final_answer_is_no_answer(text: str) -> None:
    assert final_answer(text).prediction is None


def test_the_extraction_is_explained() -> None:
    assert final_answer(r"so \boxed{7}").explanation == "the boxed answer"
    assert final_answer("The answer is 7.").explanation == "the stated answer"
    assert "last expression" in final_answer("3 and 4 are 7").explanation
    assert final_answer("no idea").prediction is None
    assert "no number" in final_answer("no idea").explanation


def test_a_timeout_does_not_affect_the_next_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert final_answer("warm 1").prediction == "1"
    monkeypatch.setattr(mathematics, "SECONDS", 0.5)
    began = time.monotonic()
    assert equal("$7^{7^{7^{7}}}$", ("5",)) is False
    assert time.monotonic() - began < 3
    monkeypatch.setattr(mathematics, "SECONDS", 20.0)
    assert final_answer("the answer is 6").prediction == "6"


def test_metric() -> None:
    score = compute("math_accuracy", [r"\boxed{0.5}", "3", None], ["1/2", "4", "5"])
    assert score.per_sample is not None
    assert list(score.per_sample) == [1, 0, 0]
    assert score.interval == "wilson"


def solve(prompt: Any) -> str:
    return {
        "half": r"It is $\boxed{\frac{2}{4}}$",
        "sum": "7 + 11 = 18. So 18.",
        "wrong": "The answer is 3.",
        "lost": "I cannot tell.",
    }[prompt[-1]["content"]]


def suite(**more: Any) -> dict[str, Any]:
    answers = {"half": "0.5", "sum": "steps\n#### 18", "wrong": "4", "lost": "9"}
    return {
        "suite": "sums",
        "task": "math",
        "data": {"rows": [{"q": q, "a": a} for q, a in answers.items()], "target": "a"},
        "prompt": "{{ q }}",
        "gates": ["math_accuracy >= 0.5"],
        **more,
    }


def test_a_suite_of_mathematics(tmp_path: Path) -> None:
    run = evaluate(suite(), {"m": solve}, root=tmp_path)
    assert list(run.samples["correct"]) == [True, True, False, False]
    assert list(run.samples["status"]) == ["ok", "ok", "ok", "unparsed"]
    assert run.samples["prediction"][0] == r"\frac{2}{4}"
    assert run.scores.set_index("score").loc["math_accuracy", "value"] == 0.5
    assert run.passed
    after = evaluate(suite(answer={"after": "answer is"}), {"m": solve}, root=tmp_path)
    assert list(after.samples["status"]) == ["unparsed", "unparsed", "ok", "unparsed"]


def test_a_missing_package_is_reported_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.metrics.catalogue.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r'task: .*pip install "pytest-evalkit\[math\]"'):
        evaluate(suite(), {"m": solve}, root=tmp_path)
    with pytest.raises(SpecError, match=r"metrics\[0\]: .*pytest-evalkit\[math\]"):
        evaluate(suite(metrics=["math_accuracy"]), {"m": solve}, root=tmp_path)
