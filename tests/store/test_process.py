"""A run whose process has ended is reported as killed; one that may be active never is."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from evalkit.provenance import Provenance
from evalkit.records import RunRecord
from evalkit.store import Store
from evalkit.store.process import Process, is_gone, this_process

RUN = RunRecord("20260101-000000-aaaaaa", "2026-01-01T00:00:00", None, "running", Provenance())
BEGIN = """
    import os, pathlib, signal
    from evalkit.provenance import Provenance
    from evalkit.records import RunRecord
    from evalkit.store import Store
    store = Store(pathlib.Path(os.environ["FOLDER"]))
    run = RunRecord("20260101-000000-aaaaaa", "2026-01-01T00:00:00", None, "running", Provenance())
    store.begin_run(run)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_of_a_killed_process_is_killed(tmp_path: Path) -> None:
    script = [sys.executable, "-c", textwrap.dedent(BEGIN)]
    subprocess.run(script, env=os.environ | {"FOLDER": str(tmp_path)}, check=False)
    with Store(tmp_path) as store:
        assert [run["status"] for run in store.runs()] == ["killed"]
        assert store.run(RUN.id).status == "killed"
        assert store.run_status(RUN.id) == "killed"


def test_a_zombie_process_counts_as_ended(tmp_path: Path) -> None:
    script = [sys.executable, "-c", textwrap.dedent(BEGIN)]
    child = subprocess.Popen(script, env=os.environ | {"FOLDER": str(tmp_path)})
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in the table
    with Store(tmp_path) as store:
        assert store.run_status(RUN.id) == "killed"
    child.wait()


def test_an_active_run_is_running(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.begin_run(RUN)
        assert store.run_status(RUN.id) == "running"
        assert [run["status"] for run in store.runs()] == ["running"]


def test_a_reused_process_id_is_detected() -> None:
    here = this_process()
    assert not is_gone(here)
    if here.started:  # where the system tells
        assert is_gone(here._replace(started="1"))
    assert not is_gone(Process(platform.node(), os.getpid(), ""))


def test_processes_of_another_machine_are_not_gone() -> None:
    assert not is_gone(Process("another-" + platform.node(), 2**22 + 1, "1"))


@pytest.mark.parametrize("status", ["finished", "interrupted"])
def test_the_outcome_of_a_run_is_final(tmp_path: Path, status: str) -> None:
    with Store(tmp_path) as store:
        store.begin_run(RUN)
        store.end_run(RunRecord(RUN.id, RUN.started, "2026-01-01T00:01:00", status, Provenance()))
        assert store.run_status(RUN.id) == status
        assert store.rows("SELECT * FROM processes") == []
