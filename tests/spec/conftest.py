"""A project folder, and helpers that write files in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from evalkit.spec import source as source_module
from evalkit.spec.scalars import core_schema

Write = Callable[[str, str], Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the working directory too."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "evalkit.yaml").write_text("", encoding="utf-8")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def write(project: Path) -> Write:
    """Write a file of the project (its text dedented) and return its path."""

    def write(name: str, text: str) -> Path:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture(params=["libyaml", "pure"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers: libyaml's, and PyYAML's own without libyaml."""
    if request.param == "pure":
        monkeypatch.setattr(source_module, "LOADER", core_schema(yaml.SafeLoader))
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML without libyaml")
    return str(request.param)
