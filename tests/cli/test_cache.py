"""evalkit cache explain."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit import evaluate
from evalkit.cli import main
from tests.cli.conftest import SUITE


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
