"""The metrics of a suite, named or by default."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.scoring.metric_names import columns_present, has_flake_rate, metric_names
from evalkit.spec.load import load_suite
from evalkit.spec.suite import Suite


def suite(task: str, data: dict[str, Any] | None = None, **keys: Any) -> Suite:
    rows = [{"q": "a", "a": "b"}]
    return load_suite(
        {
            "task": task,
            "data": {"rows": rows, "target": "a", **(data or {})},
            "prompt": "{{ q }}",
            **keys,
        }
    )


def test_named_metrics_replace_the_defaults() -> None:
    assert metric_names(suite("qa", metrics=["rouge1"])) == ("rouge1",)
    assert metric_names(suite("qa")) == ("exact_match", "token_f1", "contains")


def test_defaults_need_their_columns() -> None:
    text = suite("classification", labels=["a", "b"], answer="text")
    chosen = suite("classification", labels=["a", "b"], answer="choice")
    assert "log_loss" not in metric_names(text)
    assert "log_loss" in metric_names(chosen)
    assert columns_present(chosen) - columns_present(text) >= {"probabilities"}
    assert "compression_ratio" not in metric_names(suite("summarisation"))
    assert "compression_ratio" in metric_names(suite("summarisation", {"source": "q"}))


@pytest.mark.parametrize(
    ("task", "repeats", "expected"), [("qa", 3, True), ("qa", 1, False), ("generation", 3, False)]
)
def test_repeated_questions_have_a_flake_rate_if_answers_are_right_or_wrong(
    task: str, repeats: int, expected: bool
) -> None:
    assert has_flake_rate(suite(task, repeats=repeats)) is expected
