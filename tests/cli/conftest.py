"""A project with a suite of two sums."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

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
