"""``evaluate`` and ``Run`` from Python: rows as a DataFrame, and when a run has passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evalkit import evaluate


def suite(**more: Any) -> dict[str, Any]:
    rows = [{"id": f"q{i}", "q": f"question {i}", "a": "yes"} for i in range(10)]
    return {
        "suite": "s",
        "task": "qa",
        "data": {"rows": rows, "target": "a"},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["exact_match"],
        **more,
    }


def fails_on_two(prompt: Any) -> str:
    if "question 3" in str(prompt) or "question 7" in str(prompt):
        raise ConnectionError("no answer")
    return "yes"


@pytest.mark.parametrize(("max_errors", "passed"), [(0, False), (1, False), (2, True)])
def test_a_cell_without_gates_passes_with_the_errors_its_suite_allows(
    tmp_path: Path, max_errors: int, passed: bool
) -> None:
    run = evaluate(suite(max_errors=max_errors), {"m": fails_on_two}, root=tmp_path)
    assert run.record.cells[0].statuses == {"ok": 8, "error": 2}
    assert run.passed is passed


def test_rows_may_be_a_data_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "q": ["one", "two", "three"],
            "a": ["yes", "no", "yes"],
            "n": [1, 2, 3],
            "share": [0.1, 1 / 3, float("nan")],
            "when": pd.to_datetime(["2026-01-01", "2026-01-02", None]),
        },
        index=[5, 6, 7],
    )
    declared = suite(data={"rows": frame, "target": "a"})
    run = evaluate(declared, {"m": lambda prompt: "yes"}, root=tmp_path)
    (cell,) = run.record.cells
    assert cell.scores["exact_match"].value == pytest.approx(2 / 3)
    first, second, third = (sample.fields for sample in cell.samples)
    assert first["n"] == 1
    assert second["share"] == 1 / 3
    assert third["share"] is None
    assert str(second["when"]).startswith("2026-01-02")
    assert third["when"] is None


def test_probable_mistakes_cause_a_warning(tmp_path: Path) -> None:
    frame = pd.DataFrame({"q": ["one", "two"], "a": ["['x', 'y']", "z"]})
    declared = suite(data={"rows": frame, "target": "a"})
    with pytest.warns(UserWarning, match="is a text that looks like a list"):
        evaluate(declared, {"m": lambda prompt: "x"}, root=tmp_path)


def test_the_files_of_a_dict_are_relative_to_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (root / "data", root / "judges", root / "rubrics", elsewhere):
        folder.mkdir(parents=True)
    (root / "data/rows.csv").write_text("q,a\none,1\ntwo,2\n")
    (root / "shots.csv").write_text("q,a\nthree,3\n")
    rubric = (
        "name: {}\ndescription: Is it short?\nmode: binary\ncriteria: [It is short.]\n"
        "prompt: '{{{{ output }}}}'\n"
    )
    (root / "judges/named.judge.yaml").write_text(rubric.format("named"))
    (root / "rubrics/own.judge.yaml").write_text(rubric.format("own"))
    (root / "evalkit.yaml").write_text("metrics: {size: 'sizes:size'}\n")
    (root / "sizes.py").write_text(
        "def size(predictions, targets): return [len(p or '') for p in predictions]"
    )
    monkeypatch.chdir(elsewhere)
    prompt = {"user": "{{ q }}", "shots": {"file": "shots.csv", "count": 1}}
    suite = {
        "task": "qa",
        "data": {"file": "data/rows.csv", "target": "a"},
        "prompts": {"p": prompt},
        "metrics": ["exact_match", "size"],
        "judges": ["named", {"rubric": "rubrics/own.judge.yaml"}],
        "gates": ["exact_match >= baseline"],
    }

    def model(prompt: Any) -> str:
        said = [message["content"] for message in prompt]
        return "yes" if "short" in str(said) else {"one": "1", "two": "2"}[said[-1]]

    for given in (root, Path("../project"), "../project"):
        first = evaluate(suite, {"m": model}, judges="m", root=given)
        first.to_json(root / "first.json")
        run = evaluate(suite, {"m": model}, judges="m", root=given, baseline="first.json")
        assert "three" in str(run.record.cells[0].samples[0].prompt)
        assert set(run.scores["score"]) >= {"exact_match", "size", "named", "own"}
        assert run.passed
    assert (root / ".evalkit" / "store.sqlite").exists()
    assert list(elsewhere.iterdir()) == []
