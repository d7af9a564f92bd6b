"""The examples of the suite reference load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalkit import tasks
from evalkit.runner.validate import vocabulary
from evalkit.spec.fields import CHECKS, GenerationSpec
from evalkit.spec.load import load_suite
from evalkit.spec.project import read_project
from evalkit.spec.source import parse_yaml
from evalkit.spec.suite import Suite

PAGE = (Path(__file__).parents[2] / "docs" / "suites.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SUITES = [parse_yaml(block, "suites.md").value for block in BLOCKS if "models:" not in block]


@pytest.mark.parametrize("block", SUITES, ids=lambda block: ",".join(block))
def test_examples_are_suites(
    block: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole ones as they are; parts of one with the rest of the first example."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tools.yaml").write_text("[{name: weather}]")
    load_suite(block if "task" in block else {**SUITES[0], "gates": [], **block}, vocabulary())


def test_the_example_project_file_is_valid(tmp_path: Path) -> None:
    [block] = [block for block in BLOCKS if "models:" in block]
    path = tmp_path / "evalkit.yaml"
    path.write_text(block, encoding="utf-8")
    assert set(read_project(path).models) == {"smollm2", "tuned", "app", "hosted"}


def test_every_key_is_on_the_page() -> None:
    names = [*Suite.model_fields, "prompt", *tasks.names(), *CHECKS, *GenerationSpec.model_fields]
    assert [name for name in names if f"`{name}" not in PAGE] == []
