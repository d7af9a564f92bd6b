"""The command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit import content, evaluate
from evalkit.cli import main
from evalkit.provenance import Provenance
from evalkit.records import RunRecord
from evalkit.store import Store

SUITE = """\
suite: sums
task: qa
licence: CC0-1.0
data:
  target: answer
  rows: [{id: a, q: 1 + 1, answer: "2"}, {id: b, q: 2 + 2, answer: "4"}]
prompts: {plain: "{{ q }}"}
metrics: [exact_match]
gates: [exact_match >= 0.9]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "sums_app", raising=False)
    (tmp_path / "sums.eval.yaml").write_text(SUITE)
    (tmp_path / "sums_app.py").write_text("def answer(prompt): return '2'\n")
    (tmp_path / "evalkit.yaml").write_text(
        "models:\n  app: {backend: callable, model: 'sums_app:answer'}\n"
    )
    return tmp_path


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"task", "data", "prompts", "gates"} <= set(schema["properties"])


def test_validate(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "."]) == 0
    assert "sums.eval.yaml: ok (qa, 2 samples, 1 prompts, 1 gates)" in capsys.readouterr().out
    (project / "bad.eval.yaml").write_text(SUITE.replace("exact_match]", "exact_mach]"))
    assert main(["validate", "."]) == 2
    said = capsys.readouterr()
    assert "bad.eval.yaml:8: metrics[0]: unknown metric 'exact_mach'" in said.err
    assert "sums.eval.yaml: ok" in said.out
    assert main(["validate", "nowhere"]) == 2
    assert "nowhere: no such file or folder" in capsys.readouterr().err


def test_list_shows_the_shipped_suites_and_fetches_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # importing it fails
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for path in content.folder("suites").rglob("*.eval.yaml"):
        [line] = [line for line in shown.splitlines() if f"/{path.name}" in line]
        assert re.search(r" (\d+|hub) +\w.*CC0-1\.0", line)
        assert (" hub " in line) == ("benchmarks" in str(path))


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


def test_cache_explain(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate("sums.eval.yaml", "app")
    explain = ["cache", "explain", "sums.eval.yaml", "--model", "app"]
    assert main(explain) == 0
    assert "sums app/plain: 2 of 2 samples cached" in capsys.readouterr().out

    (project / "sums.eval.yaml").write_text(SUITE.replace("q: 2 + 2", "q: 3 + 1"))
    assert main(explain) == 0
    assert "b: its final prompt has changed" in capsys.readouterr().out

    (project / "sums.eval.yaml").write_text(SUITE + "generation: {max_new_tokens: 7}\n")
    assert main(explain) == 0
    assert "max_new_tokens: 256 → 7" in capsys.readouterr().out

    (project / "sums.eval.yaml").write_text(SUITE)
    (project / "sums_app.py").write_text("def answer(prompt): return '3'\n")
    assert main(explain) == 0
    said = capsys.readouterr().out
    assert "0 of 2 samples cached" in said
    assert "the model differs from when it last answered" in said


def test_fit(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", f"transformers:{tiny_folder}"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["float32", "bfloat16", "8-bit", "4-bit"]
    assert all(row.split()[-1] in ("yes", "unknown") for row in rows[1:])
    assert main(["fit", "callable:app:answer"]) == 2
    assert "estimates memory only for the transformers backend" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["report"], ["export"]])
def test_unwritable_files_are_errors(
    command: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate("sums.eval.yaml", models="app", root=project)
    (project / "taken").write_text("a file, not a folder")
    name = "run.html" if command == ["report"] else "run.csv"
    assert main([*command, "-o", f"taken/{name}"]) == 2
    assert capsys.readouterr().err.startswith("taken")


def test_the_list_includes_suites_whose_metrics_are_not_installed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "algebra.eval.yaml").write_text(SUITE.replace("task: qa", "task: math").replace(
        "exact_match", "math_accuracy").replace("sums", "algebra"))  # fmt: skip
    monkeypatch.setattr("evalkit.metrics.catalogue.find_spec", lambda package: None)
    assert main(["validate", "algebra.eval.yaml"]) == 2
    assert main(["list", "."]) == 0
    assert "algebra" in capsys.readouterr().out
