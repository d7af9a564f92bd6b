"""Custom metrics, and those of Hugging Face's evaluate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, SpecError, evaluate
from evalkit.cli import main

MODULE = '''
from evalkit.metrics import Score

def shouting(predictions, threshold=0.5):
    """Share of answers in capitals."""
    return [float(sum(c.isupper() for c in p or "") > threshold * len(p or "x")) for p in predictions]

def closeness(predictions, targets):
    return [1 / (1 + abs(len(p) - len(t[0]))) for p, t in zip(predictions, targets)]

def spread(columns):
    return max(len(p) for p in columns.predictions) - min(len(p) for p in columns.predictions)

def parts(predictions, fields):
    return {"words": [float(len(p.split())) for p in predictions], "topics": len({f["q"] for f in fields})}

def whole(predictions):
    return Score(0.5, 0.25, 0.75, len(predictions), interval="wilson")

def broken(predictions): return {}["nothing"]
def short(predictions): return [1.0]
def text(predictions): return "good"
def greedy(predictions, gold): return 0.0
def nothing(seed=0): return 0.0
'''  # noqa: E501
ANSWERS = {"a": "PARIS", "b": "Rome", "c": "OSLO", "d": "Bern"}


def declare(folder: Path, metrics: str, module: str) -> None:
    folder.joinpath(f"{module}.py").write_text(MODULE)
    folder.joinpath("evalkit.yaml").write_text(metrics)


def suite(**more: Any) -> dict[str, Any]:
    rows = [
        {"q": q, "a": a} for q, a in zip("abcd", ["Paris", "Rome", "Oslo!", "Bern"], strict=True)
    ]
    return {
        "suite": "capitals",
        "task": "qa",
        "data": {"rows": rows, "target": "a"},
        "prompts": {"p": {"text": "{{ q }}"}},
        **more,
    }  # fmt: skip


def test_functions_named_in_the_project_file(tmp_path: Path) -> None:
    declare(
        tmp_path,
        "metrics:\n"
        "  shouting: own_a:shouting\n"
        "  closeness: {function: 'own_a:closeness', low: 0, high: 1}\n"
        "  spread: {function: 'own_a:spread', better: lower}\n"
        "  parts: own_a:parts\n"
        "  whole: own_a:whole\n",
        "own_a",
    )
    declared = suite(
        metrics=["shouting", "closeness", "spread", "parts", "whole"],
        gates=[
            "shouting >= 0.5",
            "spread <= 1",
            "parts[words] >= 1",
            {"metric": "whole", "min": 0.2, "confidence": 0.95},
        ],
    )
    run = evaluate(declared, {"m": ANSWERS.__getitem__}, root=tmp_path)
    scores = run.scores.set_index("score")
    assert scores.loc["shouting", "value"] == 0.5
    assert scores.loc["shouting", "interval"] == "wilson"
    assert scores.loc["closeness", "value"] == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert scores.loc["closeness", "interval"] == "bounded"
    assert list(run.samples["score.closeness"]) == [1, 1, 0.5, 1]
    assert scores.loc["spread", "value"] == 1
    assert scores.loc["spread", "better"] == "lower"
    assert "no interval" in scores.loc["spread", "note"]
    assert (scores.loc["parts[words]", "value"], scores.loc["parts[topics]", "value"]) == (1, 4)
    assert scores.loc["whole", "low"] == 0.25
    assert [g.verdict for g in run.record.cells[0].gates] == ["pass"] * 4
    stricter = suite(metrics=[{"shouting": {"threshold": 1.5}}])
    strict = evaluate(stricter, {"m": ANSWERS.__getitem__}, root=tmp_path)
    assert strict.scores.set_index("score").loc["shouting", "value"] == 0
    with pytest.raises(SpecError, match="metric 'shoutin'; did you mean 'shouting'"):
        evaluate(suite(metrics=["shoutin"]), {"m": str}, root=tmp_path)


def test_errors_in_the_project_file_have_a_line(tmp_path: Path) -> None:
    declare(
        tmp_path,
        "metrics:\n"
        "  accuracy: own_b:text\n"
        "  gone: own_b:gnoe\n"
        "  lost: own_missing:x\n"
        "  greedy: own_b:greedy\n"
        "  nothing: own_b:nothing\n"
        "  odd: {function: 'own_b:text', beter: lower}\n"
        "  up: {function: 'own_b:text', better: up}\n"
        "  number: 7\n",
        "own_b",
    )
    with pytest.raises(SpecError) as caught:
        evaluate(suite(), {"m": str}, root=tmp_path)
    said = str(caught.value).splitlines()
    for line, part in enumerate(
        [
            "evalkit has a metric of this name",
            "unknown function 'gnoe'",
            "no module 'own_missing'",
            "its parameter 'gold' is not one of columns, predictions, targets",
            "it takes no column",
            "unknown key 'beter'; did you mean 'better'",
            "'better' must be higher, lower or empty, found 'up'",
            "expected 'module:function', found 7",
        ],
        start=2,
    ):
        assert f"evalkit.yaml:{line}: metrics." in said[line - 2]
        assert part in said[line - 2]


def test_validate_knows_the_projects_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(tmp_path, "metrics:\n  shouting: own_d:shouting\n", "own_d")
    text = 'task: qa\ndata: {rows: [{q: a, a: b}], target: a}\nprompt: "{{ q }}"\n'
    file = tmp_path / "x.eval.yaml"
    file.write_text(text + "metrics: [shouting]\ngates: [shouting >= 0.5]\n")
    assert main(["validate", str(file)]) == 0
    file.write_text(text + "metrics: [{shouting: {treshold: 1}}]\n")
    assert main(["validate", str(file)]) == 2
    assert "did you mean 'threshold'" in capsys.readouterr().err


def test_a_run_keeps_its_own_metrics_for_comparisons(tmp_path: Path) -> None:
    """Another evaluation with a metric of the same name changes no number of this one."""
    rows = [{"q": f"question {i}", "a": "yes"} for i in range(20)]
    declared = suite(data={"rows": rows, "target": "a"}, metrics=["rate"], gates=["rate >= m/p"])
    models = {"m": lambda text: "yes", "n": lambda text: "no" if " 7" in text else "yes"}

    def share_of(word: str) -> dict[str, Any]:
        return {"rate": lambda predictions: sum(p == word for p in predictions) / len(predictions)}

    def compared(run: Run) -> str:
        run.to_markdown(tmp_path / "run.md")
        *_, row = re.findall(r".*m/p.*n/p.*rate.*", (tmp_path / "run.md").read_text())
        return str(row)

    first = evaluate(declared, models, root=tmp_path, metrics=share_of("yes"))
    told = compared(first)
    assert re.search(r"1\.000 \| 0\.950 .*0\.050", told)
    evaluate({**declared, "suite": "other"}, models, root=tmp_path, metrics=share_of("no"))
    assert compared(first) == told
    evaluate({**declared, "metrics": [], "gates": []}, models, root=tmp_path)
    assert compared(first) == told
    first.to_html(tmp_path / "run.html")
    shown = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "this project has no such metric" not in shown
    assert "permutation" in shown
