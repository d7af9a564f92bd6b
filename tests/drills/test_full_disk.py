"""A full disk: what was there stays whole, what is written is whole, and the message names a file.

Two disks are full: one whose files may not grow beyond a limit (RLIMIT_FSIZE), and a small tmpfs
where this process may mount one.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills.project import suite
from tests.drills.tally import Tally

ROWS = 300
APP = (
    "def answer(prompt):\n    return str(int(prompt[-1]['content'].split()[-1]) % 7) + ' ' * 200\n"
)
OUTPUTS = ("report.html", "run.json", "summary.md")
LIMITS = (1, 4, 16, 32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 1024)
"""Kilobytes."""
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p",
          "no:langsmith_plugin", "-p", "no:hypothesispytest", "many.eval.yaml"]  # fmt: skip
EVALKIT = [sys.executable, "-m", "evalkit.cli"]


def make(folder: Path) -> None:
    (folder / "app.py").write_text(APP)
    (folder / "evalkit.yaml").write_text(
        "models:\n  app: {backend: callable, model: 'app:answer'}\n"
    )
    (folder / "many.eval.yaml").write_text(suite(ROWS))


def asked_for(folder: Path) -> list[str]:
    options = ("--eval-report", "--eval-json", "--eval-markdown")
    return [f"{o}={folder / name}" for o, name in zip(options, OUTPUTS, strict=True)]


def call(
    command: list[str], folder: Path, limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command whose files may not grow beyond a limit (bytes)."""

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=restrict,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def whole(path: Path) -> bool:
    """Whether a file is complete."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        json.loads(text)
        return True
    if path.suffix == ".html":
        return text.rstrip().endswith("</html>")
    return bool(text.strip())


def check_outputs(
    folder: Path, before: dict[str, bytes], done: subprocess.CompletedProcess[str]
) -> None:
    """Every output is the old one or a whole new one; one that is missing is named."""
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said[-3000:]
    changed = {n for n in before if (folder / n).read_bytes() != before[n]}
    for name in before:
        assert whole(folder / name), f"{name} was destroyed"
    if changed != set(before):
        assert done.returncode != 0, f"not written: {set(before) - changed}, and yet status 0"
        named = any(name in said for name in (*(set(before) - changed), "store.sqlite"))
        assert named, said[-3000:]
    left = {p.name for p in folder.iterdir()} - {*before, "store", "app.py", "evalkit.yaml"}
    assert left <= {"many.eval.yaml", "__pycache__", "samples.csv"}, f"left over: {left}"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a store and outputs of a good run."""
    folder = tmp_path_factory.mktemp("good")
    make(folder)
    done = call([*PYTEST, "--eval-store=store", *asked_for(folder)], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("fresh", [False, True], ids=["cached", "new store"])
def test_files_that_cannot_grow(
    good: Path, tmp_path: Path, tally: Tally, full: bool, fresh: bool
) -> None:
    for limit in LIMITS if full else LIMITS[3::6]:
        folder = tmp_path / f"{limit}"
        shutil.copytree(good, folder)
        before = {name: (folder / name).read_bytes() for name in OUTPUTS}
        if fresh:
            shutil.rmtree(folder / "store")
        with tally.attempt("full disk: runs with outputs"):
            done = call([*PYTEST, "--eval-store=store", *asked_for(folder)], folder, limit * 1024)
            check_outputs(folder, before, done)
        # with room again, the same command goes on
        with tally.attempt("full disk: the run after it"):
            done = call([*PYTEST, "--eval-store=store"], folder)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("output", ["again.html", "again.json", "again.md", "samples.csv"])
def test_commands_whose_output_cannot_grow(
    good: Path, tmp_path: Path, tally: Tally, full: bool, output: str
) -> None:
    command = "export" if output.endswith(".csv") else "report"
    folder = tmp_path / "project"
    shutil.copytree(good, folder)
    ask = [*EVALKIT, command, "--store=store", "-o", output]
    assert call(ask, folder).returncode == 0
    before = (folder / output).read_bytes()
    for limit in (0, 1, 8, 36, 64, len(before) // 1024) if full else (1, 36):
        with tally.attempt("full disk: commands"):
            done = call(ask, folder, limit * 1024)
            said = done.stdout + done.stderr
            assert "Traceback" not in said
            if done.returncode == 0:
                assert whole(folder / output)
                continue
            assert done.returncode == 2, said
            assert output in said or "store.sqlite" in said
            assert (folder / output).read_bytes() == before


def test_a_small_disk(good: Path, tmp_path: Path, tally: Tally, full: bool) -> None:
    """A tmpfs of some hundred kilobytes holds the project, and is full at some point."""
    mount = ["unshare", "-rm", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run(
        [*mount, "mount -t tmpfs none /mnt"], capture_output=True, check=False
    ).returncode:  # fmt: skip
        pytest.skip("this process may not mount a tmpfs")
    for size in (200, 400, 800, 1600) if full else (400,):
        disk = tmp_path / f"disk{size}"
        disk.mkdir()
        script = (
            f"mount -t tmpfs -o size={size}k none {disk} &&"
            f" cp {good}/app.py {good}/evalkit.yaml {good}/many.eval.yaml {disk} && cd {disk} &&"
            f" {' '.join(PYTEST)} --eval-store=store {' '.join(asked_for(disk))}; echo status $?;"
            f" cp -r {disk} {tmp_path}/found{size}"
        )
        with tally.attempt("full disk: a small tmpfs"):
            done = call([*mount, script], tmp_path)
            said = done.stdout + done.stderr
            assert "Traceback" not in said, said[-3000:]
            found = tmp_path / f"found{size}"
            missing = [name for name in OUTPUTS if not (found / name).exists()]
            assert all(whole(found / name) for name in OUTPUTS if name not in missing)
            assert not missing or "status 0" not in said, said[-3000:]
