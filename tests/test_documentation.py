"""The examples of the documentation work: suites load, Python runs, commands run.

Models are stand-ins that answer at once, whatever a page declares them to be; its declarations
are checked as they stand. The tutorial, the how-to pages and the README run as they are printed:
``tests/test_howto.py``.
"""

from __future__ import annotations

import os
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.pages import (
    PAGES,
    ROOT,
    STAND_IN,
    VERBATIM,
    Block,
    Project,
    blocks,
    check_yaml,
    commands,
    project_file,
)

NOT_RUN = {
    "make": "installs everything",
    "pip": "fetches packages",
    "ollama": "fetches weights",
    "python": "a benchmark, or writes the reference",
    "evalkit models check": "reaches a model",
    "evalkit fit": "reads the config of real weights",
    "evalkit judge calibrate": "tests/judging runs it on labels with known figures",
    "pytest suites/benchmarks": "fetches data from the hub",
}
"""Commands that are shown and not run, by how they begin, and why."""

BEFORE = {
    "docs/compare.md": [  # two runs of two models
        "pytest suites --eval-model small --eval-model tuned --eval-save v1",
        "pytest suites --eval-model small --eval-model tuned --eval-json results.json",
    ],
}
"""What must have been run before a page's commands make sense."""

FILES = {
    "docs/models/heads.md": {
        "bert-sentiment/config.json": '{"architectures": ["BertForSequenceClassification"]}'
    },
    "docs/metrics.md": {"metrics/mine.py": ""},
    "docs/suites.md": {"tools.yaml": "[{name: weather}]"},
}
"""Files that a page speaks of as there."""

NAMES = ("smollm2", "small", "tuned", "app", "llama", "four")
"""Models that pages name without declaring them."""

ANY_SUITE = """
suite: questions
task: classification
data:
  target: label
  rows:
    - {text: one, label: positive}
    - {text: two, label: negative}
    - {text: three, label: positive}
    - {text: four, label: negative}
labels: [positive, negative]
prompts: {plain: "{{ text }}?", few-shot: "So: {{ text }}"}
answer: choice
metrics: [accuracy, macro_f1]
gates: [accuracy >= 0.1]
"""


@pytest.mark.parametrize("page", [page for page in PAGES if page not in VERBATIM])
def test_examples_on_a_page_work(
    page: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, shown = Project(pytester), blocks(PAGES[page])
    monkeypatch.syspath_prepend(str(project.folder))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", os.devnull)
    project.write("stand_in.py", STAND_IN)
    project.write("evalkit.yaml", project_file(shown, NAMES))
    project.write("suites/questions.eval.yaml", ANY_SUITE)
    for line in BEFORE.get(page, ()):
        assert project.run(line.split()) is None, line
    for name, text in FILES.get(page, {}).items():
        project.write(name, text)
    whole: list[dict[str, Any]] = []
    modules = set(sys.modules)
    for block in shown:
        where = f"{page}:{block.line}"
        try:
            _show(block, project, whole)
        except Exception as error:
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
    for name in set(sys.modules) - modules:
        if (project.folder / f"{name}.py").exists():
            del sys.modules[name]


def _show(block: Block, project: Project, whole: list[dict[str, Any]]) -> None:
    """Write, check or run a block."""
    if block.file not in ("", "evalkit.yaml", "conftest.py") and block.file[0] != ".":
        project.write(block.file, block.text)
    if block.language == "yaml" and not block.file.startswith("."):  # pipelines: see below
        check_yaml(block, whole, project.folder)
    elif block.language == "python":
        exec(compile(block.text, "page", "exec"), {"model": None, "tokenizer": None})  # noqa: S102 - our own pages
    elif block.language == "console":
        for words in commands(block):
            if not any(" ".join(words).startswith(known) for known in NOT_RUN):
                said = project.run(["last" if word == "RUN" else word for word in words])
                assert said is None, f"{' '.join(words)}\n{said}"


def test_unexecuted_blocks_are_listed() -> None:
    lines = [
        " ".join(words)
        for page in PAGES.values()
        for block in blocks(page)
        if block.language == "console"
        for words in commands(block)
    ]
    unused = [known for known in NOT_RUN if not any(line.startswith(known) for line in lines)]
    assert set(unused) <= {"python", "evalkit judge calibrate"}


def test_links_resolve() -> None:
    missing = []
    for name, page in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            file, _, anchor = target.partition("#")
            if re.match(r"\w+:", target):
                continue
            there = (page.parent / file).resolve() if file else page
            if not there.exists() or (
                anchor and there.suffix == ".md" and anchor not in _anchors(there)
            ):
                missing.append(f"{name}: {target}")
    assert missing == []


def _anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub makes anchors of them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [name.removeprefix("docs/") for name in PAGES if name.startswith("docs/")]
    assert [page for page in pages if f"({page})" not in index and page != "README.md"] == []


def test_pipelines_match_their_platform() -> None:
    github, gitlab = (
        yaml.load(block.text, Loader=yaml.BaseLoader)
        for block in blocks(PAGES["docs/ci.md"])
        if block.language == "yaml"
    )
    step = {"type": "object", "oneOf": [{"required": ["uses"]}, {"required": ["run"]}]}
    job = {
        "type": "object",
        "required": ["runs-on", "steps"],
        "properties": {"steps": {"type": "array", "items": step, "minItems": 1}},
    }
    workflow = {
        "required": ["on", "jobs"],
        "properties": {"jobs": {"type": "object", "additionalProperties": job}},
    }
    jsonschema.validate(github, workflow)
    [steps] = [job["steps"] for job in github["jobs"].values()]
    [task] = gitlab.values()
    assert isinstance(task["script"], list)
    known = (ROOT / "docs" / "reference" / "pytest.md").read_text(encoding="utf-8")
    runs = [
        line for line in [s.get("run", "") for s in steps] + task["script"] if "pytest s" in line
    ]
    assert len(runs) == 2
    for option in re.findall(r"--eval-[\w-]+", " ".join(runs)):
        assert f"`{option}" in known
    assert task["artifacts"]["reports"]["junit"] in runs[1]


def test_options_that_pages_name_exist() -> None:
    known = " ".join(
        page.read_text(encoding="utf-8") for page in (ROOT / "docs/reference").glob("*.md")
    )
    named = {
        (name, option)
        for name, page in PAGES.items()
        for option in re.findall(r"--eval-[a-z-]*[a-z]", page.read_text(encoding="utf-8"))
    }
    assert [
        f"{name}: {option}" for name, option in sorted(named) if f"`{option}" not in known
    ] == []


INLINE = [
    (name, words)
    for name, page in PAGES.items()
    for words in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text(encoding="utf-8"))
]
"""What stands in backticks in the text of pages."""


def test_commands_in_the_text_exist() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    known = dict(re.findall(r"^## (evalkit .*)\n((?:(?!## ).*\n)*)", page, re.MULTILINE))
    wrong = []
    for name, words in INLINE:
        if not re.match(r"evalkit [a-z]", words):
            continue
        command = max((one for one in known if words.startswith(one)), key=len, default="")
        options = re.findall(r" (--?[a-z]+)", words)
        if not command or any(f"`{o}" not in known[command] for o in options):
            wrong.append(f"{name}: {words}")
    assert wrong == []


def test_names_and_files_in_the_text_exist() -> None:
    wrong = []
    for name, words in INLINE:
        if words in NOT_HERE:
            continue
        if re.fullmatch(r"(evalkit|benchmarks|examples)/[\w/.-]*", words):
            there = (ROOT / words).exists()
        elif re.fullmatch(r"evalkit(\.\w+)+", words):
            there = _resolves(words)
        else:
            continue
        if not there:
            wrong.append(f"{name}: {words}")
    assert wrong == []


NOT_HERE = ("evalkit.yaml", "evalkit.models", "evalkit/_content/")
"""A project's file, a group of entry points, a folder of the wheel."""


def _resolves(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_extra_is_on_the_page_about_installing() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = project.partition("[project.optional-dependencies]")[2].partition(
        "\n[project.scripts]"
    )[0]
    names = set(re.findall(r"^([a-z]+) = \[", extras, re.MULTILINE)) - {"dev"}
    table = (
        PAGES["docs/install.md"]
        .read_text(encoding="utf-8")
        .partition("| extra |")[2]
        .split("\n\n")[0]
    )
    assert names == {
        n for row in table.splitlines()[2:] for n in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    named = [n for _, words in INLINE for n in re.findall(r"pytest-evalkit\[([a-z,]+)\]", words)]
    assert {n for one in named for n in one.split(",")} - {"extra"} <= names
