"""Runs a page of documentation as printed, in its own folder.

What the blocks of such a page mean:

* A block that is named, by `` `name`: `` before it or by ``# name`` in its first line, is that
  file. With ``# in name`` it is a part of that YAML file: its keys take the place of those there.
* ``console``: what follows ``$`` is run, and must end with status 0, or with what ``# exit status
  1`` behind it says. What is printed below it must be in its output, in that order; ``...`` stands
  for lines that are left out.
* ``python`` without a name is run; YAML without a name must be a part of a suite or a project.
* ``toml`` is a ``pyproject.toml`` that is installed: its entry points are there from then on.

Outputs are compared without what differs from run to run: ids of runs, times and speeds, the
folder, and how many spaces and line ends there are. With EVALKIT_REWRITE_PAGES=1 in the environment
lines of a page that differ in their numbers alone are rewritten.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit import cli
from tests.pages import ROOT, Block, Project, blocks, check_yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NOT_RUN = {
    "make ": "installs everything",
    "pip install": "fetches packages",
}
"""Commands that are shown and not run, by how they begin, and why."""

NOT_ASKED = {
    "pytest suites/replies.eval.yaml --eval-model app": "the judge is behind a server",
}
"""Runs that need what is not here: their suites, models and judges are loaded, and not asked."""

REWRITE = bool(os.environ.get("EVALKIT_REWRITE_PAGES"))
_STATUS = re.compile(r"\s+# exit status (\d+).*$")
_PART = re.compile(r"\A# in ([\w./-]+\.yaml).*\n")
_VOLATILE = (
    (re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b"), "RUN"),
    (re.compile(r"\b\d+(\.\d+)? ?(s|ms|min|tokens/s)\b"), r"# \2"),
)


@dataclass
class Command:
    """A command of a console block. line: as printed. shown: what is printed below it."""

    line: str
    status: int = 0
    shown: list[str] = field(default_factory=list)


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a console block, with what is printed below each."""
    command = None
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            if command:
                yield command
            told = _STATUS.search(line)
            command = Command(_STATUS.sub("", line)[2:], int(told[1]) if told else 0)
        elif command:
            command.shown.append(line)
    if command:
        yield command


def play(page: Path, project: Project) -> None:
    """Run a page. Raises AssertionError with the line of the first block that fails."""
    stage = _Stage(page, project)
    for block in blocks(page):
        try:
            stage.show(block)
        except Exception as error:
            where = f"{page.relative_to(ROOT)}:{block.line}"
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error


class _Stage:
    """The folder of a page while it runs."""

    def __init__(self, page: Path, project: Project) -> None:
        self.page, self.project = page, project
        self.suites: list[dict[str, Any]] = []

    def show(self, block: Block) -> None:
        part = _PART.match(block.text) if block.language == "yaml" else None
        if part:
            self._replace_keys(part[1], block.text[part.end() :])
        elif block.language == "console":
            for command in commands_of(block):
                self._run(command)
        elif block.file and block.language != "toml":
            self.project.write(block.file, block.text)
        elif block.language == "yaml":
            check_yaml(block, self.suites, self.project.folder)
        elif block.language == "python":
            with warnings.catch_warnings():
                exec(compile(block.text, "page", "exec"), {})  # noqa: S102 - our own pages
        elif block.language == "toml":
            self._install(tomllib.loads(block.text))

    def _replace_keys(self, name: str, text: str) -> None:
        """Put top-level keys into a YAML file, each in its place or at the end."""
        sections = _sections((self.project.folder / name).read_text(encoding="utf-8"))
        sections |= _sections(text)
        self.project.write(name, "".join(sections.values()))

    def _install(self, declared: dict[str, Any]) -> None:
        """What an installation of a project leaves of its entry points."""
        groups = declared.get("project", {}).get("entry-points", {})
        lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items())
                 for group, entries in groups.items()]  # fmt: skip
        info = "page_project-1.0.dist-info"
        self.project.write(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: page-project\nVersion: 1.0\n"
        )
        self.project.write(f"{info}/entry_points.txt", "\n".join(lines))

    def _run(self, command: Command) -> None:
        if any(command.line.startswith(known) for known in NOT_RUN):
            return
        words = shlex.split(command.line, comments=True)
        if command.line in NOT_ASKED:
            words.append("--collect-only")
        status, output = self._output(words)
        told = f"$ {command.line}\n{output}"
        assert status == command.status, f"exit status {status}, not {command.status}\n{told}"
        if REWRITE:
            self._rewrite(command, output)
        missing = _missing("\n".join(command.shown), output, self.project.folder)
        assert not missing, f"not in the output, or not there:\n{missing}\n\n{told}"

    def _output(self, words: list[str]) -> tuple[int, str]:
        program, *arguments = words
        self.project.bring(arguments)
        if program == "pytest":
            ran = self.project.pytester.runpytest_inprocess(*arguments)
            return int(ran.ret), "\n".join([*ran.outlines, *ran.errlines])
        if program == "python":
            # One thread: several wait for each other where other tests run beside them.
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
            done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True,
                                  env=environment, cwd=self.project.folder)  # fmt: skip
            return done.returncode, done.stdout + done.stderr
        assert program == "evalkit", f"who runs {program}?"
        target = None
        if ">" in arguments:
            at = arguments.index(">")
            arguments, target = arguments[:at], arguments[at + 1]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = cli.main(arguments)
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 1
        if target:
            self.project.write(target, out.getvalue())
        return status, out.getvalue() + err.getvalue()

    def _rewrite(self, command: Command, output: str) -> None:
        """Rewrite the shown lines in which only numbers differ."""
        there = iter(output.splitlines())
        text = self.page.read_text(encoding="utf-8")
        for line in command.shown:
            if line.strip() in ("", "..."):
                continue
            now = next((one for one in there if _skeleton(one) == _skeleton(line)), None)
            if now is not None and _plain(now, self.project.folder) != _plain(line):
                text = text.replace(f"\n{line}\n", f"\n{now.rstrip()}\n", 1)
                command.shown[command.shown.index(line)] = now
        self.page.write_text(text, encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    """The top-level keys of a YAML text with their lines."""
    parts = re.split(r"^(?=[\w-]+:)", text, flags=re.MULTILINE)
    return {part.partition(":")[0]: part for part in parts if part.strip()}


def _skeleton(line: str) -> str:
    return " ".join(re.sub(r"[-+]?\d[\d.,e-]*", "#", line).split())


def _plain(text: str, folder: Path | None = None) -> str:
    if folder is not None:
        text = text.replace(f"{folder}/", "")
    for pattern, name in _VOLATILE:
        text = pattern.sub(name, text)
    return " ".join(text.split())


def _missing(shown: str, output: str, folder: Path) -> str:
    """The first of the printed pieces that the output does not have behind the ones before."""
    said, at = _plain(output, folder), 0
    for piece in re.split(r"^\s*\.\.\.\s*$", shown, flags=re.MULTILINE):
        found = said.find(_plain(piece), at)
        if found < 0:
            return piece.strip("\n")
        at = found + len(_plain(piece))
    return ""
