"""A store that cannot be written can be read; one that is complete is one file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from evalkit import evaluate
from evalkit.api import load_run
from evalkit.errors import StoreError
from evalkit.exchange import Response, Status
from evalkit.store import Store

SUITE = {
    "suite": "s",
    "task": "qa",
    "data": {"rows": [{"id": str(i), "q": str(i), "a": str(i)} for i in range(5)], "target": "a"},
    "prompts": {"p": "{{ q }}"},
    "metrics": ["exact_match"],
}


def evaluated(folder: Path) -> Path:
    evaluate(SUITE, {"m": lambda prompt: prompt[-1]["content"]}, store=folder / "s", root=folder)
    return folder / "s"


def test_a_run_that_ended_is_in_one_file(tmp_path: Path) -> None:
    """While the store is still open, as in a session that prints its summary."""
    with Store(tmp_path / "s") as store:
        run = evaluate(SUITE, {"m": lambda p: p[-1]["content"]}, store=store, root=tmp_path)
        store.label_run(run.id, "main")
        (tmp_path / "copy").mkdir()
        shutil.copyfile(store.path, tmp_path / "copy" / "store.sqlite")
    copied = load_run("main", tmp_path / "copy")
    assert copied.samples["output"].tolist() == ["0", "1", "2", "3", "4"]


def without_write_permission(folder: Path, *commands: str) -> list[str]:
    """What these commands print in a mount namespace in which the store is read-only."""
    bound = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder)]
    printed = []
    for command in commands:
        done = subprocess.run(
            [*bound, sys.executable, "-m", "evalkit.cli", *command.split(), "--store", str(folder)],
            cwd=folder.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    return printed


read_only = pytest.mark.skipif(
    shutil.which("bwrap") is None
    or subprocess.run(["bwrap", "--dev-bind", "/", "/", "true"], check=False).returncode != 0,
    reason="bubblewrap cannot mount a folder read-only here",
)


@read_only
def test_a_store_on_a_read_only_mount_is_read(tmp_path: Path) -> None:
    folder = evaluated(tmp_path)
    runs, *_, compared = without_write_permission(
        folder, "runs", "report -o r.html", "export -o samples.csv", "compare last last"
    )
    assert "finished" in runs
    assert "exact_match" in compared
    assert (tmp_path / "r.html").stat().st_size > 1000
    assert len((tmp_path / "samples.csv").read_text().splitlines()) == 6


def killed(folder: Path) -> None:
    """A store whose writer was killed: the last responses are in its write-ahead log alone."""
    script = """
        import os, pathlib, signal
        from evalkit.exchange import Response, Status
        from evalkit.store import Store
        store = Store(pathlib.Path(os.environ["FOLDER"]))
        store.add_responses("r", [("key", Response(Status.OK, "text"))])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    subprocess.run(command, env=os.environ | {"FOLDER": str(folder)}, check=False)
    assert (folder / "store.sqlite-wal").stat().st_size


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file can be written, which root does not notice."""
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("shared", [True, False])
def test_what_is_in_the_log_alone_is_read(tmp_path: Path, shared: bool) -> None:
    killed(tmp_path)
    if not shared:
        (tmp_path / "store.sqlite-shm").unlink()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if "shm" not in file.name}
    with Store(tmp_path, to_read=True) as store:
        assert store.responses(["key"])["key"].text == "text"
        with pytest.raises(StoreError, match="cannot write"):
            store.add_responses("r", [("other", Response(Status.OK))])
    assert before.items() <= {file.name: file.read_bytes() for file in tmp_path.iterdir()}.items()


@pytest.mark.usefixtures("refused")
def test_an_older_store_is_read_from_a_copy(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_responses("r", [("key", Response(Status.OK, "text"))])
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        db.execute("DROP TABLE processes")
        db.execute("PRAGMA user_version=1")
    with Store(tmp_path, to_read=True) as store:
        assert store.runs() == []
        assert store.responses(["key"])["key"].text == "text"
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.usefixtures("refused")
def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("not a database, by far not a database" * 100)
    with pytest.raises(StoreError, match="the run store is damaged"):
        Store(tmp_path, to_read=True)
