"""Suites with numeric answers: targets are parsed like answers and compared by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import SpecError, evaluate
from evalkit.comparing.operand import side_of

ROWS = [
    # what the model writes, the target, whether it is right
    ("It is 5.", "-5", False),
    ("15", "1.5", False),
    ("10", "1.0", False),
    ("7", "7.0", True),
    ("1234.5", "1,234.50", True),
    ("0.5", ".5", True),
    ("1/2", "0.5", True),
    (r"It costs \$80{,}000.", "80000", True),
    (r"9\,500", "9,500", True),
    ("−5", "-5", True),
    ("(-3)", "−3", True),
    ("1.5e3", "1500", True),
    ("1.5 million", "1,500,000", True),
    ("So 3 + 5 is 8", "3 + 5 = 8\n#### 8", True),
    ("2-3", "3", False),
]


def suite(**more: Any) -> dict[str, Any]:
    return {
        "suite": "numbers",
        "task": "qa",
        "data": {"rows": [{"q": said, "a": target} for said, target, _ in ROWS], "target": "a"},
        "prompt": "{{ q }}",
        "answer": {"number": "last"},
        **more,
    }


def said(prompt: Any) -> str:
    return str(prompt[-1]["content"])


METRICS = ["exact_match", "token_f1", "contains", "accuracy"]


def test_numbers_are_compared_as_numbers_in_every_metric(tmp_path: Path) -> None:
    run = evaluate(suite(metrics=METRICS), {"m": said}, root=tmp_path)
    right = [is_right for _, _, is_right in ROWS]
    assert list(run.samples["correct"]) == right
    for metric in METRICS:
        assert list(run.samples[f"score.{metric}"]) == right, metric
    assert list(run.samples["status"]) == [*["ok"] * 14, "unparsed"]
    assert run.samples["target"][4] == "1,234.50"  # shown as it is written


def test_custom_metrics_get_numbers_in_one_form(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def keep(predictions: Any, targets: Any) -> list[float]:
        seen.update(predictions=list(predictions), targets=list(targets))
        return [1.0] * len(predictions)

    evaluate(suite(metrics=["keep"]), {"m": said}, root=tmp_path, metrics={"keep": keep})
    assert seen["predictions"][6] == "0.5"
    assert seen["targets"][4:7] == [("1234.5",), ("0.5",), ("0.5",)]


def test_a_record_contains_the_parsed_numbers(tmp_path: Path) -> None:
    rows = [{"q": "3", "a": "3 of 10"}, {"q": "10", "a": "3 of 10"}]
    first = suite(data={"rows": rows, "target": "a"}, answer={"number": "first"})
    run = evaluate(first, {"m": said}, root=tmp_path)
    assert list(run.samples["correct"]) == [True, False]
    record = run.record.suites["numbers"]
    assert (record.answer, record.which) == ("number", "first")
    columns = side_of(run.record, run.record.cells[0]).columns(["1", "2"], record)[0]
    assert list(columns.targets) == [("3",), ("3",)]


def test_a_target_without_a_clear_number_is_rejected(tmp_path: Path) -> None:
    for target in ("five", "2-3"):
        rows = [{"q": "5", "a": target}]
        with pytest.raises(SpecError, match=f"no unambiguous number in the target '{target}'"):
            evaluate(suite(data={"rows": rows, "target": "a"}), {"m": said}, root=tmp_path)
    several = [{"q": "5", "a": ["five", "5"]}]
    run = evaluate(suite(data={"rows": several, "target": "a"}), {"m": said}, root=tmp_path)
    assert list(run.samples["correct"]) == [True]


def test_labels_without_a_number_stay_text(tmp_path: Path) -> None:
    words = {
        "suite": "words",
        "task": "classification",
        "labels": ["yes", "no"],
        "data": {"rows": [{"q": "x", "a": "yes"}], "target": "a"},
        "prompt": "{{ q }}",
        "answer": {"number": "last"},
    }
    with pytest.raises(SpecError, match="no label contains one"):
        evaluate(words, {"m": said}, root=tmp_path)
