"""``evalkit compare`` on runs of a callable model, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.cli import main
from evalkit.provenance import Provenance
from evalkit.records import RunRecord
from evalkit.store import Store

N = 200
B_ONLY, A_ONLY = range(15), range(100, 105)  # discordant: 15 won by B, 5 by A
APP = f"""
def answer(prompt):
    name, number = prompt[-1]["content"].split()
    i = int(number)
    a_right = i >= 15 and i < 180
    if name == "a":
        return "yes" if a_right else "no"
    b_right = (i < 15) or (a_right and i not in {list(A_ONLY)})
    return "yes" if b_right else "no"
"""


def suite(**more: Any) -> dict[str, Any]:
    rows = [{"id": f"q{i}", "i": i, "gold": "yes"} for i in range(N)]
    rows[199] = {"id": "q199", "i": 199, "gold": "no"}
    base: dict[str, Any] = {
        "suite": "twenty",
        "task": "classification",
        "labels": ["yes", "no"],
        "data": {"rows": rows, "target": "gold"},
        "prompts": {"a": "a {{ i }}", "b": "b {{ i }}"},
        "answer": "text",
        "metrics": ["accuracy", "macro_f1"],
    }
    return base | more


@pytest.fixture
def twenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "twenty_app", raising=False)
    (tmp_path / "twenty_app.py").write_text(APP)
    (tmp_path / "evalkit.yaml").write_text(
        "models:\n  app: {backend: callable, model: 'twenty_app:answer'}\n"
    )
    return tmp_path


def test_two_prompts_with_15_against_5_discordant_answers(
    twenty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(suite(), "app")
    assert main(["compare", "a", "b", "--json", "c.json", "--markdown", "c.md"]) == 0
    said = capsys.readouterr().out
    assert "p = 0.0414 (mid-p 0.0266)" in said
    assert "+0.050" in said  # (15 - 5) / 200
    assert "15/180/5" in said
    assert "20 samples flipped" in said
    flipped = [line.split() for line in said.splitlines() if line.startswith(("  + ", "  - "))]
    assert [(row[0], row[1]) for row in flipped] == [
        *(("+", f"q{i}") for i in B_ONLY),
        *(("-", f"q{i}") for i in A_ONLY),
    ]
    assert flipped[0][2:] == ["A:", "no", "B:", "yes", "target:", "yes"]

    (written,) = json.loads((twenty / "c.json").read_text())
    assert written["scores"][0]["p"] == pytest.approx(0.04138947)
    assert written["scores"][0]["mid_p"] == pytest.approx(0.02660370)
    assert "seen" not in written["scores"][0]
    assert len(written["flips"]) == 20
    markdown = (twenty / "c.md").read_text()
    assert "0.0414" in markdown
    assert "20 samples flipped" in markdown


def test_cells_models_and_a_single_run(twenty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = evaluate(suite(), ["app"])
    for names in (["app/a", "app/b"], [run.id, "a", "b"], ["last"], [run.id]):
        assert main(["compare", *names]) == 0
        assert "p = 0.0414" in capsys.readouterr().out
    assert main(["compare", "b", "a"]) == 0
    assert "5/180/15" in capsys.readouterr().out


def test_several_scores_share_holms_correction(
    twenty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(suite(), "app")
    assert main(["compare", "a", "b", "--metric", "all", "--json", "c.json"]) == 0
    said = capsys.readouterr().out
    accuracy, macro = json.loads(Path("c.json").read_text())[0]["scores"]
    assert (accuracy["score"], macro["score"]) == ("accuracy", "macro_f1")
    smaller, larger = sorted([accuracy, macro], key=lambda s: s["p"])
    assert smaller["adjusted"] == pytest.approx(min(1, 2 * smaller["p"]))
    assert larger["adjusted"] == pytest.approx(max(larger["p"], smaller["adjusted"]))
    assert macro["wins"] is None
    assert macro["low"] < macro["difference"] < macro["high"]
    assert "macro_f1: permutation" in said


def test_runs_and_files(twenty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = evaluate(suite(prompts={"only": "a {{ i }}"}), "app")
    first.to_json("first.json")
    second = evaluate(suite(prompts={"only": "b {{ i }}"}), "app")
    second.to_json("second.json")
    results = []
    for names in ([first.id, "last"], ["first.json", second.id], ["first.json", "second.json"]):
        assert main(["compare", *names, "--metric", "all", "--json", "c.json"]) == 0
        assert "20 samples flipped" in capsys.readouterr().out
        results.append(json.loads(Path("c.json").read_text())[0])
    assert results[0]["scores"][0]["p"] == pytest.approx(0.04138947)
    assert results[0]["scores"] == results[1]["scores"] == results[2]["scores"]
    assert results[0]["flips"] == results[1]["flips"] == results[2]["flips"]
    assert first.id in results[0]["a"]


def test_only_samples_with_equal_data_are_paired(
    twenty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = suite(prompts={"only": "a {{ i }}"})
    first = evaluate(declared, "app")
    rows = [dict(row) for row in declared["data"]["rows"]]
    rows[0]["gold"] = "no"
    changed = suite(prompts={"only": "b {{ i }}"}, data={"rows": rows[:150], "target": "gold"})
    evaluate(changed, "app")
    assert main(["compare", first.id, "last", "--json", "c.json"]) == 0
    score = json.loads(Path("c.json").read_text())[0]["scores"][0]
    assert score["n"] == 149
    assert "1 left out: row or target differs" in score["note"]
    assert "50 left out: scored in one of the two only" in score["note"]
    assert (score["wins"], score["losses"]) == (14, 5)


def test_invalid_comparisons_are_errors(twenty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "a", "b"]) == 2
    assert "no run store here" in capsys.readouterr().err
    evaluate(suite(), "app")
    for names, said in (
        (["a"], "name two things to compare"),
        (["a", "c"], "no run is called 'c'"),
        (["last", "last", "a"], "not both"),
        (["a", "b", "--suite", "twentie"], "did you mean 'twenty'?"),
        (["a", "b", "--metric", "acuracy"], "did you mean 'accuracy'?"),
        (["nowhere.json", "last"], "cannot be read"),
        (["a", "b", "--confidence", "95"], "expected a level such as 0.95"),
    ):
        assert main(["compare", *names]) == 2
        assert said in capsys.readouterr().err


def test_runs_report_and_cache(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 2
    assert "no run store here" in capsys.readouterr().err
    run = evaluate("sums.eval.yaml", "app")

    assert main(["runs"]) == 0
    shown = capsys.readouterr().out
    assert run.id in shown
    assert "goes on" not in shown

    assert main(["report", "-o", "again.html"]) == 0
    assert "<html" in (project / "again.html").read_text()
    assert main(["report", run.id, "-o", "again.json"]) == 0
    again = json.loads((project / "again.json").read_text())
    assert again["cells"][0]["scores"]["exact_match"]["value"] == 0.5
    assert main(["report", "-o", "again.pdf"]) == 2
    assert "ending in .html, .json, .md" in capsys.readouterr().err
    assert main(["report", "nothing"]) == 2
    assert "no run 'nothing'" in capsys.readouterr().err


def test_runs_shows_how_to_continue_a_killed_run(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provenance = Provenance(command="pytest suites --eval-model app")
    run = RunRecord("20260101-000000-aaaaaa", "2026-01-01T00:00:00", None, "running", provenance)
    with Store(project / ".evalkit") as store:
        store.begin_run(run)
        assert main(["runs"]) == 0
        assert "goes on" not in capsys.readouterr().out  # it runs still, in this process
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        with store.transaction():
            store._db.execute("UPDATE processes SET pid = ?, started = '1'", (child.pid,))
    assert main(["runs"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert "killed" in first
    assert last.startswith("20260101-000000-aaaaaa was killed: its process is gone. ")
    assert last.endswith("run the same command to continue: pytest suites --eval-model app")


@pytest.mark.parametrize("command", [["report"], ["export"]])
def test_unwritable_files_are_errors(
    command: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate("sums.eval.yaml", models="app", root=project)
    (project / "taken").write_text("a file, not a folder")
    name = "run.html" if command == ["report"] else "run.csv"
    assert main([*command, "-o", f"taken/{name}"]) == 2
    assert capsys.readouterr().err.startswith("taken")
