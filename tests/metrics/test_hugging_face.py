"""Metrics of Hugging Face's evaluate."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evalkit import SpecError, evaluate
from evalkit.metrics import Columns, run_metric
from evalkit.metrics.registry import Registry
from tests.metrics.test_custom import ANSWERS, suite

SCRIPT = """
import datasets
import evaluate

class Lengths(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="", citation="",
            features=datasets.Features({
                "predictions": datasets.Value("string"),
                "references": datasets.Value("string"),
            }),
        )

    def _compute(self, predictions, references, scale=1.0):
        ratios = [scale * len(str(p)) / len(str(r)) for p, r in zip(predictions, references)]
        return {RETURNED}
"""


def script(folder: Path, name: str, returned: str, kind: str = "string") -> None:
    text = SCRIPT.replace("{RETURNED}", returned).replace('Value("string")', f'Value("{kind}")')
    folder.joinpath(name).write_text(text)


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where evaluate copies scripts before it imports them: one folder for the whole process."""
    return tmp_path_factory.mktemp("modules")


@pytest.fixture
def scripts(tmp_path: Path, modules: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("evaluate")
    from evaluate import loading

    prepare = loading.init_dynamic_modules

    def prepared(*args: Any, **kwargs: Any) -> Any:
        return prepare(*args, **{**kwargs, "hf_modules_cache": str(modules)})

    monkeypatch.setattr(loading, "init_dynamic_modules", prepared)
    return tmp_path


def test_a_script_of_evaluate(scripts: Path) -> None:
    script(scripts, "lengths.py", '{"ratio": sum(ratios) / len(ratios)}')
    script(scripts, "both.py", '{"all": ratios, "most": max(ratios), "version": "1"}')
    declared = suite(
        metrics=["evaluate:./lengths.py", {"evaluate:./both.py": {"scale": 2}}],
        gates=["evaluate:./lengths.py >= 0.9", "evaluate:./both.py[most] <= 2"],
    )
    run = evaluate(declared, {"m": ANSWERS.__getitem__}, root=scripts)
    scores = run.scores.set_index("score")
    assert scores.loc["evaluate:./lengths.py", "value"] == pytest.approx((3 + 0.8) / 4)
    assert "no interval" in scores.loc["evaluate:./lengths.py", "note"]
    assert scores.loc["evaluate:./both.py[all]", "value"] == pytest.approx((6 + 1.6) / 4)
    assert scores.loc["evaluate:./both.py[all]", "interval"] == "t"
    assert scores.loc["evaluate:./both.py[most]", "value"] == 2
    assert "evaluate:./both.py[version]" not in scores.index
    assert run.passed


def test_labels_and_numbers_are_passed_to_evaluate_in_its_types(scripts: Path) -> None:
    script(scripts, "ints.py", '{"p": predictions, "r": references}', "int32")
    columns = Columns(["b", None, "a"], [("a",), ("b",), ("c",)], labels=("a", "b", "c"))
    result = run_metric("evaluate:./ints.py", columns, registry=Registry(root=scripts))
    values = {
        key: None if score.per_sample is None else list(score.per_sample)
        for key, score in result.items()
    }
    assert values == {
        "evaluate:./ints.py[p]": [1, -1, 0],
        "evaluate:./ints.py[r]": [0, 1, 2],
    }


def test_failures_of_evaluate_are_noted(scripts: Path) -> None:
    script(scripts, "raises.py", '{"x": 1 / 0}')
    columns = Columns(["b"], [("a",)])
    for name, note in {
        "evaluate:./raises.py": "ZeroDivisionError",
        "evaluate:./gone.py": "no script './gone.py' in the project",
        "evaluate:../up.py": "is outside the project",
    }.items():
        (score,) = run_metric(name, columns, registry=Registry(root=scripts)).values()
        assert math.isnan(score.value)
        assert note in score.note
    with pytest.raises(SpecError, match=r"metrics\[0\]: no script './gone.py'"):
        evaluate(suite(metrics=["evaluate:./gone.py"]), {"m": str}, root=scripts)
