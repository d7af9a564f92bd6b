"""The store: values survive, different requests share nothing, and nothing is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.errors import StoreError, UsageError
from evalkit.exchange import Response, Status
from evalkit.store import Store
from tests.store.test_serialization import a_run


@pytest.mark.parametrize(
    "response",
    [
        Response(Status.OK, "Grüße\n\x00 ✓", "<s>Hello", seconds=0.25, prompt_tokens=3),
        Response(Status.TRUNCATED, "x" * 5000, "y" * 5000, finish="length", completion_tokens=64),
        Response(Status.OK, "b", logprobs=(-1.5, -0.25), choice_tokens=(1, 2)),
        Response(Status.OVERFLOW, error="900 tokens, context 512", details={"how": "x"}),
        Response(Status.OK, "yes", thinking="hm", unfinished=True, tie=True, candidates=("a", "b")),
        Response(Status.OK, "yes", details={"thinking": 1, "tie": "no", "candidates": [{"a": 1}]}),
        Response(Status.OK, "lone surrogate \ud800"),
    ],
)
def test_responses_survive_storage(store: Store, response: Response) -> None:
    store.add_responses("run", [("key", response)])
    assert store.responses(["key", "other"]) == {"key": response}
    assert store.answered(["key", "other"]) == {"key"}


def test_a_detail_that_has_a_field_is_read_as_one(store: Store) -> None:
    """Older versions and backends of others write them among the details."""
    details = {"thinking": "hm", "still_thinking": True, "tie": True, "candidates": ["a"], "n": 1}
    store.add_responses("run", [("key", Response(Status.OK, "yes", details=details))])
    assert store.responses(["key"])["key"] == Response(
        Status.OK, "yes", thinking="hm", unfinished=True, tie=True, candidates=("a",),
        details={"n": 1},
    )  # fmt: skip


def test_errors_are_requested_again(store: Store) -> None:
    store.add_responses("run", [("key", Response(Status.ERROR, error="no connection"))])
    assert store.answered(["key"]) == set()


def test_many_keys_can_be_looked_up(store: Store) -> None:
    keys = [str(i) for i in range(1700)]
    store.add_responses("run", [(k, Response(Status.OK, k)) for k in keys])
    assert {k: r.text for k, r in store.responses(keys).items()} == {k: k for k in keys}


def test_runs_are_found_by_label(store: Store) -> None:
    run, _ = a_run()
    store.begin_run(run)
    store.label_run(run.id, "good")
    newer = replace(run, id="20260102-000000-bbbbbb", started="2026-01-02T00:00:00")
    store.begin_run(newer)
    assert store.run("good").id == run.id
    store.label_run(newer.id, "good")
    assert store.run("good").id == newer.id
    assert [r["id"] for r in store.runs()] == [newer.id, run.id]
    with pytest.raises(UsageError, match=r"no run 'bad' \(existing runs: 20260102"):
        store.run("bad")


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("last", "means the most recent run"),
        ("20260102-000000-bbbbbb", "looks like the id"),
        ("20260102-000000", "looks like the id"),
        ("main.json", "looks like a file"),
        (" ", "is empty"),
    ],
)
def test_ambiguous_names_are_rejected(store: Store, label: str, why: str) -> None:
    run, _ = a_run()
    store.begin_run(run)
    with pytest.raises(UsageError, match=why):
        store.label_run(run.id, label)
    store.label_run(run.id, "2026-01-02")
    assert store.run("2026-01-02").id == run.id


def test_the_last_run_is_the_last_finished_one(store: Store) -> None:
    run, _ = a_run()
    store.begin_run(run)
    store.end_run(replace(run, status="finished", finished="2026-01-01T00:01:00"))
    store.begin_run(replace(run, id="20260102-000000-bbbbbb", started="2026-01-02T00:00:00"))
    assert store.run("last").id == run.id


def test_the_folder_is_ignored_by_git(store: Store) -> None:
    assert "*" in (store.path.parent / ".gitignore").read_text().split()


def test_a_newer_store_is_rejected(store: Store) -> None:
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="written by a newer evalkit"):
        Store(store.path.parent)


def test_a_batch_is_stored_completely_or_not_at_all(store: Store) -> None:
    def batch() -> object:
        yield "1", Response(Status.OK)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add_responses("run", batch())  # type: ignore[arg-type]
    bad = Response(Status.OK, details={"x": object()})
    with pytest.raises(TypeError):
        store.add_responses("run", [("1", Response(Status.OK)), ("2", bad)])
    assert store.answered(["1", "2"]) == set()
    store.add_responses("run", [("1", Response(Status.OK))])
    assert store.answered(["1"]) == {"1"}


def test_committed_batches_survive_a_kill(tmp_path: Path) -> None:
    script = """
        import os, pathlib, signal
        from evalkit.exchange import Response, Status
        from evalkit.store import Store
        store = Store(pathlib.Path(os.environ["FOLDER"]))
        for start in range(0, 40, 4):
            keys = [str(i) for i in range(start, start + 4)]
            store.add_responses("r", [(k, Response(Status.OK, k)) for k in keys])
            if start == 20:
                os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"FOLDER": str(tmp_path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    kept = Store(tmp_path).answered([str(i) for i in range(40)])
    assert kept == {str(i) for i in range(24)}


def test_a_locked_store_can_be_opened(store: Store) -> None:
    with store.lock(), Store(store.path.parent) as other:  # would wait for ever
        assert other.runs() == []


def test_the_lock_has_one_holder_and_ends_with_its_process(store: Store) -> None:
    script = """
        import os, pathlib, sys, time
        from evalkit.store import Store
        with Store(pathlib.Path(os.environ["FOLDER"])).lock():
            print("held", flush=True)
            time.sleep(60)
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"FOLDER": str(store.path.parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    guard = sqlite3.connect(store.path.with_name("lock.sqlite"), timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        guard.execute("BEGIN EXCLUSIVE")
    guard.close()
    Store(store.path.parent).close()  # another session may open the store meanwhile
    holder.kill()
    holder.wait()
    with store.lock():
        pass
