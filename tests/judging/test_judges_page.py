"""The examples in docs/judges.md are valid."""

from __future__ import annotations

import re
from pathlib import Path

from evalkit.judging.judge_set import declared_judges
from evalkit.judging.load import rubric_from
from evalkit.judging.rubric import Rubric, named_files
from evalkit.runner.validate import vocabulary
from evalkit.spec.judges import JudgeSpec
from evalkit.spec.load import load_suite
from evalkit.spec.project import read_project
from evalkit.spec.source import parse_yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "judges.md").read_text(encoding="utf-8")
SUITE, PROJECT, GROUNDED, RUBRIC, METRICS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_suite_is_valid() -> None:
    value = parse_yaml(SUITE, "judges.md").value
    load_suite(value, vocabulary())
    load_suite({**value, "gates": [], **parse_yaml(METRICS, "judges.md").value}, vocabulary())


def test_the_example_suite_of_grounding_is_valid() -> None:
    loaded = load_suite(parse_yaml(GROUNDED, "judges.md").value, vocabulary())
    assert [judge.rubric for judge in loaded.judges] == ["grounded", "citation_support"]


def test_the_example_project_file_is_valid(tmp_path: Path) -> None:
    (tmp_path / "evalkit.yaml").write_text(PROJECT, encoding="utf-8")
    assert set(declared_judges(read_project(tmp_path / "evalkit.yaml"))) == {"strict", "small"}


def test_the_example_rubric_is_valid() -> None:
    assert rubric_from(parse_yaml(RUBRIC, "judges.md"), ()).name == "politeness"


def test_every_key_and_every_rubric_is_documented() -> None:
    assert [key for key in JudgeSpec.model_fields if f"| `{key}`" not in PAGE] == []
    keys = [key for key in Rubric.model_fields if key not in ("lists",)]
    assert [key for key in keys if f"{key}:" not in RUBRIC and f"`{key}`" not in PAGE] == []
    listed = (ROOT / "judges" / "README.md").read_text(encoding="utf-8")
    assert [name for name in named_files(ROOT / "judges") if f"| `{name}` |" not in listed] == []
