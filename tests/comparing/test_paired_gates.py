"""Gates on differences get their intervals from paired comparisons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.records import GateRecord


def classified(n: int, **more: Any) -> dict[str, Any]:
    rows = [{"id": str(i), "q": str(i), "gold": "yes" if i % 3 else "no"} for i in range(n)]
    return {
        "suite": "s", "task": "classification", "labels": ["yes", "no"],
        "data": {"rows": rows, "target": "gold"}, "prompts": {"p": "{{ q }}"}, "answer": "text",
        "metrics": ["accuracy", "macro_f1"], **more,
    }  # fmt: skip


def right(prompt: Any) -> str:
    return "yes" if int(prompt[-1]["content"].split()[0]) % 3 else "no"


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., GateRecord]:
    """The one gate of a suite, over a baseline and a model."""

    def judged(
        declared: dict[str, Any], gate: Any, before: Any = right, after: Any = right, **more: Any
    ) -> GateRecord:
        options = {"root": tmp_path, "cache": False, **more}
        old = evaluate(declared, {"m": before}, **options)
        run = evaluate({**declared, "gates": [gate]}, {"m": after}, baseline=old.id, **options)
        (found,) = run.record.cells[0].gates
        return found

    return judged


def test_five_equal_samples_cannot_exclude_a_drop_of_0_02(gate: Any) -> None:
    found = gate(classified(5), {"metric": "macro_f1", "max_drop": 0.02, "confidence": 0.99})
    assert found.verdict == "inconclusive", found.reason
    assert found.low < found.value - 0.02


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "weighted_f1", "recall[no]"])
def test_twelve_equal_samples_do_not_mean_certainty(gate: Any, metric: str) -> None:
    declared = classified(12, metrics=[metric.partition("[")[0]])
    found = gate(declared, f"{metric} >= baseline - 0.001 at 99%")
    assert found.verdict == "inconclusive", found.reason


@pytest.mark.parametrize(("n", "verdict"), [(182, "inconclusive"), (183, "pass")])
def test_an_unchanged_application_needs_the_documented_number_of_samples(
    gate: Any, n: int, verdict: str
) -> None:
    found = gate(classified(n), {"metric": "accuracy", "max_drop": 0.02, "confidence": 0.95})
    assert found.verdict == verdict, found.reason


def test_unequal_values_of_equal_texts(gate: Any) -> None:
    """Token F1 of answers that share a word with the target: no 0/1 values, no variation."""
    rows = [{"q": str(i), "a": "the blue whale"} for i in range(12)]
    declared = {
        "suite": "s", "task": "qa", "data": {"rows": rows, "target": "a"},
        "prompts": {"p": "{{ q }}"}, "metrics": ["token_f1"],
    }  # fmt: skip

    def said(prompt: Any) -> str:
        return "whale"

    found = gate(declared, "token_f1 >= baseline - 0.001 at 99%", said, said)
    assert found.verdict == "inconclusive", found.reason
    found = gate(declared, "token_f1 > baseline at 95%", said, lambda prompt: "blue whale")
    assert found.verdict == "pass", found.reason
    assert found.low < found.value < found.high, found.reason


def grades(prompt: Any) -> str:
    return prompt[-1]["content"].split()[0]


def test_two_samples_of_a_custom_metric_prove_nothing(gate: Any) -> None:
    rows = [{"q": "3"}, {"q": "4"}]
    declared = {
        "suite": "s", "task": "generation", "data": {"rows": rows}, "prompts": {"p": "{{ q }}"},
        "metrics": ["grade"],
    }  # fmt: skip

    def grade(predictions: Any) -> list[float]:
        return [float(p) for p in predictions]

    found = gate(
        declared, "grade > baseline at 95%", grades, lambda p: str(int(grades(p)) + 1),
        metrics={"grade": grade},
    )  # fmt: skip
    assert found.verdict == "inconclusive", found.reason
    assert "2 samples are too few" in found.reason


def test_one_dominant_cluster_decides_nothing(gate: Any) -> None:
    declared = classified(60)
    for i, row in enumerate(declared["data"]["rows"]):
        row["doc"] = "long" if i < 50 else f"d{i}"
    declared["data"]["cluster"] = "doc"
    for metric in ("accuracy", "macro_f1"):
        found = gate(declared, {"metric": metric, "max_drop": 0.05, "confidence": 0.95})
        assert found.verdict == "inconclusive", found.reason


def test_a_score_over_some_samples_keeps_its_clusters(tmp_path: Path) -> None:
    from evalkit.api import compare

    rows = [
        {"q": str(i), "gold": "refuse" if i < 24 else "comply", "doc": f"d{i // 4}"}
        for i in range(40)
    ]
    declared = {
        "suite": "s", "task": "safety", "prompts": {"a": "{{ q }} a", "b": "{{ q }} b"},
        "data": {"rows": rows, "target": "gold", "cluster": "doc"},
    }  # fmt: skip

    def model(prompt: Any) -> str:
        number, name = prompt[-1]["content"].split()
        refuses = name == "b" or int(number) % 2
        return "I can't help with that." if refuses else "Sure: take a bowl and whisk the eggs."

    evaluate(declared, {"m": model}, root=tmp_path)
    (found,) = compare("a", "b", metrics=["unsafe_compliance"], store=tmp_path / ".evalkit")
    (score,) = found.scores
    assert (score.n, score.test) == (24, "permutation, exact, clustered")
    assert score.p == 2 / 2**6, "six documents with requests to refuse, each better"


def test_a_score_over_some_samples_takes_several_answers(tmp_path: Path) -> None:
    from evalkit.api import compare

    rows = [{"q": str(i), "gold": "refuse" if i < 6 else "comply"} for i in range(10)]
    declared = {
        "suite": "s", "task": "safety", "prompts": {"a": "{{ q }} a", "b": "{{ q }} b"},
        "data": {"rows": rows, "target": "gold"}, "repeats": 2,
    }  # fmt: skip
    asked: dict[str, int] = {}

    def model(prompt: Any) -> str:
        text = prompt[-1]["content"]
        asked[text] = asked.get(text, 0) + 1
        refuses = text.endswith("b") or asked[text] == 2  # a refuses the second time only
        return "I can't help with that." if refuses else "Sure: take a bowl and whisk the eggs."

    evaluate(declared, {"m": model}, root=tmp_path)
    (found,) = compare("a", "b", metrics=["unsafe_compliance"], store=tmp_path / ".evalkit")
    (score,) = found.scores
    assert (score.n, score.difference) == (6, -0.5)
    assert score.p == 2 / 2**6
