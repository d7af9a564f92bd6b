"""The command line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from evalkit import content
from evalkit.cli import main
from tests.cli.conftest import SUITE


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


def test_the_list_includes_suites_whose_metrics_are_not_installed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "algebra.eval.yaml").write_text(SUITE.replace("task: qa", "task: math").replace(
        "exact_match", "math_accuracy").replace("sums", "algebra"))  # fmt: skip
    monkeypatch.setattr("evalkit.metrics.catalogue.find_spec", lambda package: None)
    assert main(["validate", "algebra.eval.yaml"]) == 2
    assert main(["list", "."]) == 0
    assert "algebra" in capsys.readouterr().out
