"""Pages of documentation as blocks, and a project in which what they show can be run."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy  # noqa: F401 - compiled modules are loaded once, not with every run inside a test
import pandas  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import sklearn.metrics  # noqa: F401
import yaml

import evalkit.pytest_plugin.nodes  # noqa: F401
from evalkit import cli
from evalkit.errors import EvalkitError
from evalkit.judging.load import rubric_from
from evalkit.models.registry import resolve
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import load_suite
from evalkit.spec.project import find_project, read_project
from evalkit.spec.source import parse_yaml

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
    if path.parent.name != "reference"  # written from the code: tests/test_reference.py
}
VERBATIM = ("README.md", "docs/tutorial.md", *(name for name in PAGES if "/howto/" in name))
"""Pages that run as they are printed: files, commands and outputs."""
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w./-]+\.(?:yaml|yml|py|csv|jsonl))`[^`]*:\s*\Z")
_FIRST = re.compile(r"\A# ([\w./-]+\.(?:yaml|yml|py))\n")
PROJECT_KEYS = {"models", "default", "judges", "metrics"}

STAND_IN = '''
"""Answers at once, each model in its own way: by what is asked and who is asked."""

import hashlib

ANSWERS = ("positive", "negative", "billing", "Paris", "Thank you, please ask again.")


def number(*texts):
    return int(hashlib.sha256(repr(texts).encode()).hexdigest(), 16)


def answer(prompt, who=""):
    return ANSWERS[number(prompt, who) % len(ANSWERS)]


def choose(prompt, choices, who=""):
    return [-1.0 - number(prompt, choice, who) % 5 for choice in choices]
'''


@dataclass(frozen=True)
class Block:
    """A block of a page. line: of its first line. file: the file that it is, where that is said."""

    language: str
    text: str
    line: int
    file: str

    @property
    def value(self) -> Any:
        """The value of a block of YAML, as evalkit parses it."""
        return parse_yaml(self.text, "page").value


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        content = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
        before = text[: match.start()].rstrip("\n").split("\n\n")[-1]
        named = _FIRST.match(content) or _FILE.search(before)
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(match[2], content, line, named[1] if named else ""))
    return found


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a console block, as words."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            yield shlex.split(line[2:], comments=True)


def is_project(block: Block) -> bool:
    """Whether a block of YAML is (a part of) evalkit.yaml."""
    value = block.value
    named = block.file in ("", "evalkit.yaml")
    sections = all(isinstance(part, dict) for key, part in value.items() if key != "default")
    return named and sections and set(value) <= PROJECT_KEYS


def project_file(page: Sequence[Block], names: Sequence[str]) -> str:
    """The page's evalkit.yaml; every model, and all of ``names``, a stand-in.

    Functions that the page itself shows stay unchanged.
    """
    merged: dict[str, Any] = {}
    for block in page:
        if block.language == "yaml" and is_project(block):
            for key, part in block.value.items():
                merged[key] = {**merged.get(key, {}), **part} if isinstance(part, dict) else part
    shown = {Path(block.file).stem for block in page if block.language == "python" and block.file}
    declared = {**dict.fromkeys(names), **merged.get("models", {})}
    merged["models"] = {
        name: model if _module(model) in shown else _stand_in(name)
        for name, model in declared.items()
    }
    return yaml.safe_dump(merged)


def _module(declared: Any) -> str:
    """The module of a function that is declared as a model."""
    return str(declared.get("model", "")).partition(":")[0] if isinstance(declared, dict) else ""


def _stand_in(name: str) -> dict[str, Any]:
    return {
        "backend": "callable",
        "model": "stand_in:answer",
        "choose": "stand_in:choose",
        "parameters": {"who": name},
    }


ROWS = {
    "rows": [
        {
            "text": "a",
            "x": "b",
            "genre": "drama",
            "topic": "medical",
            "language": "nl",
            "label": "negative",
        }
    ]
}
BASES: list[dict[str, Any]] = [
    {
        "task": "classification",
        "data": {**ROWS, "target": "label", "group": ["genre", "topic", "language"], "pair": "x"},
        "labels": ["positive", "negative", "billing"],
        "answer": "choice",
    },
    *(
        {"task": task, "data": {**ROWS, "target": "x"}, "answer": "text"}
        for task in ("qa", "summarisation", "generation")
    ),
]
"""Suites of which a fragment may be a part."""


def _fits(fragment: dict[str, Any], whole: list[dict[str, Any]]) -> None:
    """A part of a suite must go with one of the page's suites, or with one of ours."""
    errors = []
    for base in (*whole, *({**one, "prompt": "{{ text }}"} for one in BASES)):
        kept = {k: v for k, v in base.items() if k not in ("gates", "metrics")}
        if "prompts" in fragment:
            kept.pop("prompt", None)
        try:
            load_suite({**kept, **fragment}, vocabulary())
        except EvalkitError as error:
            errors.append(str(error))
        else:
            return
    raise AssertionError("\n".join(errors))


def check_yaml(block: Block, whole: list[dict[str, Any]], folder: Path) -> None:
    """Load what a block of YAML declares: a project, a suite, a rubric, or a part of a suite.

    whole: the suites of the page so far, of which a fragment may be a part; takes a new one.
    """
    value = block.value
    if is_project(block):
        path = folder / "declared.yaml"
        path.write_text(block.text, encoding="utf-8")
        for declaration in read_project(path).models.values():
            resolve(declaration)
    elif "task" in value:
        load_suite(value, vocabulary(find_project(folder)))
        whole.insert(0, value)
    elif "name" in value and "prompt" in value:
        rubric_from(parse_yaml(block.text, "page"), ())
    else:
        there = [yaml.safe_load(path.read_text()) for path in folder.glob("suites/*.eval.yaml")]
        _fits(value, [*whole, *there])


class Project:
    """A folder in which a page's files are written and its commands run."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester, self.folder = pytester, pytester.path

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, words: Sequence[str]) -> str | None:
        """The error of a command, else None. Gates may fail: no real model runs."""
        program, *arguments = words
        self.bring(arguments)
        if program == "pytest":
            result = self.pytester.runpytest_inprocess(*arguments, "-q")
            said = "\n".join([*result.outlines, *result.errlines])
            wrong = ("ERROR ", "FAILED tests/")
            errors = [line for line in said.splitlines() if line.startswith(wrong)]
            # The run that makes a baseline has none to compare with.
            errors = [line for line in errors if "baseline" not in line]
            return said if errors or result.ret not in (0, 1) else None
        out, target = io.StringIO(), None
        if ">" in arguments:
            at = arguments.index(">")
            arguments, target = arguments[:at], arguments[at + 1]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                status = cli.main(arguments)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        if target:
            self.write(target, out.getvalue())
        return out.getvalue() or "no output" if status else None

    def bring(self, arguments: Sequence[str]) -> None:
        """Shipped files that a command names, with the data beside them."""
        for name in arguments:
            shipped = ROOT / name
            if Path(name).suffix and shipped.is_file() and not (self.folder / name).exists():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(shipped, self.folder / name)
                if name.startswith("suites/"):
                    data = ROOT / "suites" / "data"
                    shutil.copytree(data, self.folder / "suites" / "data", dirs_exist_ok=True)
