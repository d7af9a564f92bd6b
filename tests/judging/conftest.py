"""Runs with judges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, evaluate
from tests.judging.calibrating import BINARY, JUDGE, LONG, NAMES, PAIRS, RUBRIC
from tests.judging.judged import echo


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def run_suite(declared: dict[str, Any], known: dict[str, Any], **options: Any) -> Run:
        options.setdefault("models", {"m": echo})
        options.setdefault("judges", list(known))
        return evaluate(declared, loaded=known, root=tmp_path, **options)

    return run_suite


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with its own rubrics and scripted judges, in the current folder."""
    module = f"scripted_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(JUDGE)
    models = "".join(
        f'  {name}: {{backend: callable, model: "{module}:{name}"}}\n' for name in NAMES
    )
    judges = "".join(f"  {name}: {{model: {name}, method: text}}\n" for name in NAMES)
    (tmp_path / "evalkit.yaml").write_text(f"models:\n{models}judges:\n{judges}")
    (tmp_path / "judges").mkdir()
    for text in (RUBRIC, BINARY, PAIRS, LONG):
        name = text.split()[1]
        (tmp_path / "judges" / f"{name}.judge.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path
