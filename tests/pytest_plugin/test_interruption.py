"""A killed run continues."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROWS = 60
APP = """
import os, pathlib, time
COUNT = pathlib.Path(os.environ["COUNT"])

def answer(prompt):
    with COUNT.open("a") as stream:
        stream.write(prompt[-1]["content"] + "\\n")
    time.sleep(float(os.environ.get("SLOW", "0")))
    return str(int(prompt[-1]["content"].split()[-1]) % 7)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "evalkit.yaml").write_text(
        "models:\n  app: {backend: callable, model: 'app:answer'}\n"
    )
    rows = "\n".join(f"    - {{id: n{i}, n: {i}, answer: '{i % 5}'}}" for i in range(ROWS))
    (tmp_path / "many.eval.yaml").write_text(
        f"task: qa\ndata:\n  target: answer\n  rows:\n{rows}\n"
        "prompts: {plain: 'number {{ n }}'}\nmetrics: [exact_match]\n"
        "gates: [exact_match >= 0.1]\n"
    )
    return tmp_path


def run(folder: Path, *more: str, store: str = "s", **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "many.eval.yaml", f"--eval-store={store}", *more],
        cwd=folder,
        env=os.environ | {"COUNT": str(folder / f"{store}.txt")} | env,
        stdout=subprocess.DEVNULL,
    )


def asked(folder: Path, store: str = "s") -> list[str]:
    log = folder / f"{store}.txt"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_continues(project: Path, end: signal.Signals) -> None:
    whole = run(project, "--eval-json=whole.json", store="whole")
    assert whole.wait(60) == 0

    first = run(project, SLOW="0.06")
    while len(asked(project)) < 40:
        time.sleep(0.01)
    first.send_signal(end)
    assert first.wait(30) not in (0, 1)
    before = asked(project)
    assert len(before) < ROWS

    second = run(project, "--eval-json=resumed.json")
    assert second.wait(60) == 0
    after = asked(project)[len(before) :]
    assert len(set(before) & set(after)) <= 20  # what was not yet handed over: one second
    assert set(before) | set(after) == {f"number {i}" for i in range(ROWS)}

    one, other = (json.loads((project / f"{n}.json").read_text()) for n in ("whole", "resumed"))
    assert one["cells"][0]["scores"] == other["cells"][0]["scores"]
    assert one["cells"][0]["gates"] == other["cells"][0]["gates"]
