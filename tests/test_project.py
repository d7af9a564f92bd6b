"""The project's metadata, its workflows and its tools agree on what is supported and released."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import evalkit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def supported() -> list[str]:
    """The Python versions of the classifiers."""
    found = (
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line)
        for line in PROJECT["project"]["classifiers"]
    )
    return [match[1] for match in found if match]


def test_python_versions_are_the_same_everywhere() -> None:
    floor = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert supported()[0] == floor
    assert PROJECT["tool"]["mypy"]["python_version"] == floor
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{floor.replace('.', '')}"
    matrix = load(GITHUB / "workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == supported()


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["version"] == evalkit.__version__


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_targets_and_jobs_that_exist(path: Path) -> None:
    workflow = load(path)
    assert "permissions" in workflow, "jobs get no more rights than they name"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for job in workflow["jobs"].values():
        assert set(job.get("needs", "").split()) <= set(workflow["jobs"])
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for target in re.findall(r"^make (\w+)", step.get("run", ""), re.MULTILINE):
                assert f"\n{target}:" in makefile


def test_a_release_needs_no_secret_and_attests_its_artifacts() -> None:
    text = (GITHUB / "workflows/release.yml").read_text(encoding="utf-8")
    jobs = load(GITHUB / "workflows/release.yml")["jobs"]
    assert "secrets." not in text
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert any(name.startswith("actions/attest-build-provenance@") for name in used)
    assert used[-1].startswith("pypa/gh-action-pypi-publish@")


def test_constraints_name_one_version_for_each_python() -> None:
    """Without a version that supports the oldest Python, `make` cannot install there."""
    seen: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement, _, marker = line.partition("; ")
            seen.setdefault(requirement.partition("==")[0], []).append(marker)
    both = ['python_version >= "3.11"', 'python_version < "3.11"']
    assert [name for name, markers in seen.items() if markers not in ([""], both)] == []


def test_hooks_run_the_tools_of_make_lint() -> None:
    hooks = load(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert lint is not None
    tools = re.findall(r"\$\(BIN\)/([\w-]+(?: \w+)?)", lint[1])
    assert {hook["entry"].removeprefix(".venv/bin/").partition(" --")[0] for hook in hooks} == {
        *tools
    }


@pytest.mark.parametrize("path", sorted(GITHUB.glob("ISSUE_TEMPLATE/*.yml")), ids=lambda p: p.stem)
def test_issue_forms_are_valid(path: Path) -> None:
    form = load(path)
    if path.stem == "config":
        assert all(link["url"].startswith("https://") for link in form["contact_links"])
        return
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
