"""A small project for the drills: one suite, and an application that logs what it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

APP = """
import os, time

LOG = os.open(os.environ["ASKED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
SLOW = float(os.environ.get("SLOW", "0"))


def answer(prompt):
    number = int(prompt[-1]["content"].split()[-1])
    os.write(LOG, f"begin {number} {time.time()}\\n".encode())
    time.sleep(float(os.environ["FIRST"]) if number == 0 and "FIRST" in os.environ else SLOW)
    os.write(LOG, f"end {number} {time.time()}\\n".encode())
    return str(number % 7)
"""


def suite(rows: int) -> str:
    """A suite whose score tells which answers were right."""
    data = "\n".join(f"    - {{id: n{i}, n: {i}, answer: '{i % 5}'}}" for i in range(rows))
    return (
        f"suite: many\ntask: qa\ndata:\n  target: answer\n  rows:\n{data}\n"
        "prompts: {plain: 'number {{ n }}'}\nmetrics: [exact_match]\n"
        "gates: [exact_match >= 0.1]\n"
    )


@dataclass(frozen=True)
class Project:
    """A folder with evalkit.yaml, many.eval.yaml and app.py."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, rows: int, options: str = "") -> Project:
        """options: further ones of the model's declaration."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.py").write_text(APP)
        (folder / "evalkit.yaml").write_text(
            f"models:\n  app: {{backend: callable, model: 'app:answer'{options}}}\n"
        )
        (folder / "many.eval.yaml").write_text(suite(rows))
        return cls(folder)

    def start(self, *more: str, store: str = "store", **env: str) -> subprocess.Popen[bytes]:
        """Run the suite in a process of its own."""
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                 "-p", "no:langsmith_plugin", "-p", "no:hypothesispytest",
                 "many.eval.yaml", f"--eval-store={store}", *more],
                cwd=self.folder,
                env=os.environ | {"ASKED": str(self.asked(store))} | env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip

    def asked(self, store: str = "store") -> Path:
        """The log of the application."""
        return self.folder / f"{store}.asked"

    def log(self, store: str = "store") -> list[tuple[str, int, float]]:
        """``begin`` or ``end`` of each call, the number asked, and when."""
        log = self.asked(store)
        lines = log.read_text().splitlines() if log.exists() else []
        return [(kind, int(n), float(at)) for kind, n, at in (line.split() for line in lines)]

    def output(self) -> str:
        """Everything the runs printed."""
        return (self.folder / "output.txt").read_text(errors="replace")

    def cell(self, name: str) -> dict[str, object]:
        """The cell of a JSON document that a run wrote."""
        cell: dict[str, object] = json.loads((self.folder / name).read_text())["cells"][0]
        return cell
