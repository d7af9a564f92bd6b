"""Registries of metrics are immutable and distinguish functions of one name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from evalkit import UsageError, evaluate
from evalkit.api import compare
from evalkit.metrics import compute
from evalkit.metrics.entry import Metric
from evalkit.metrics.registry import BUILT_IN, Registry


def share(word: str) -> Callable[..., float]:
    return lambda predictions: sum(p == word for p in predictions) / len(predictions)


def short(predictions: Any, longest: int = 3) -> list[float]:
    return [float(len(p) <= longest) for p in predictions]


class Short:
    def __init__(self, longest: int) -> None:
        self.longest = longest

    def __call__(self, predictions: Any) -> list[float]:
        return short(predictions, self.longest)

    def method(self, predictions: Any) -> list[float]:
        return short(predictions)


def test_a_registry_cannot_be_changed() -> None:
    given = {"mine": Metric("mine", short, "")}
    registry = Registry(given)
    given["other"] = Metric("other", short, "")
    assert registry.find("other") is None
    assert registry.names == [*BUILT_IN.names, "mine"]
    with pytest.raises(TypeError):
        registry.own["other"] = given["other"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        registry.own = given  # type: ignore[misc]


def test_compute_uses_only_evalkits_metrics(tmp_path: Path) -> None:
    suite = {"task": "qa", "data": {"rows": [{"q": "a", "a": "b"}], "target": "a"},
             "suite": "s", "prompt": "{{ q }}", "metrics": ["mine"]}  # fmt: skip
    evaluate(suite, {"m": str}, metrics={"mine": short}, root=tmp_path)
    with pytest.raises(UsageError, match="unknown metric 'mine'"):
        compute("mine", ["a"], ["b"])


def test_runs_scored_by_different_functions_of_one_name_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"q": f"question {i}", "a": "yes"} for i in range(10)]
    suite = {"suite": "s", "task": "qa", "data": {"rows": rows, "target": "a"},
             "prompt": "{{ q }}", "metrics": ["rate"], "gates": ["rate >= 0.1"]}  # fmt: skip

    def run(function: Callable[..., Any], **more: Any) -> Any:
        return evaluate(suite, {"m": lambda text: "yes"}, metrics={"rate": function}, **more)

    first, again, other = run(short), run(short), run(Short(3))
    per_sample = compare(first.id, again.id)[0].scores[0]
    assert "function" not in per_sample.note
    told = compare(first.id, other.id)[0].scores[0].note
    assert told == f"the function of 'rate' differs between {first.id} and {other.id}"
    run(short, baseline=first.id)
    with pytest.raises(UsageError, match="s: the function of metric 'rate' has changed"):
        run(Short(3), baseline=first.id)
    first.to_json("base.json")
    with pytest.raises(UsageError, match="s: the function of metric 'rate' has changed"):
        run(Short(3), baseline="base.json")


def test_a_score_recomputed_by_a_changed_function_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evalkit.yaml").write_text("metrics: {rate: changing_metric:rate}\n")
    Path("changing_metric.py").write_text("def rate(predictions):\n    return 0.5\n")
    rows = [{"q": f"question {i}", "a": "yes"} for i in range(4)]
    suite = {"suite": "s", "task": "qa", "data": {"rows": rows, "target": "a"},
             "prompt": "{{ q }}"}  # fmt: skip
    kept = evaluate({**suite, "metrics": ["rate"]}, {"m": str, "n": str})
    assert "as it is now" not in compare(kept.id)[0].scores[0].note
    mine = {"rate": share("yes")}
    Path("evalkit.yaml").write_text("{}\n")
    run = evaluate({**suite, "metrics": ["rate"]}, {"m": str, "n": str}, metrics=mine)
    Path("evalkit.yaml").write_text("metrics: {rate: changing_metric:rate}\n")
    note = compare(run.id)[0].scores[0].note
    assert f"recomputed with the current 'rate', which differs in {run.id}" in note
