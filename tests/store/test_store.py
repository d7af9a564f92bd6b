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
from evalkit.exchange import Generation, Request, Response, Status
from evalkit.messages import Message
from evalkit.provenance import Provenance
from evalkit.records import (
    Answer,
    CellRecord,
    CheckRecord,
    Choices,
    CodeRun,
    GateRecord,
    Likelihood,
    ModelRecord,
    RunRecord,
    ScoreRecord,
    SuiteRecord,
)
from evalkit.records.analyses import ConfusionMatrix
from evalkit.records.judgments import Category, Judgment, Pair, Reply
from evalkit.store import Store, response_key

from ..samples import sample_record

CHAT = Request((Message("user", "Hello"),), Generation(max_new_tokens=8))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".evalkit")


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


def test_the_key_covers_everything_relevant() -> None:
    sampled = replace(CHAT, generation=Generation(max_new_tokens=8, temperature=0.7))
    different = [
        response_key("weights-a", CHAT),
        response_key("weights-b", CHAT),
        response_key("weights-a", CHAT, salt="run"),
        response_key("weights-a", replace(CHAT, repeat=1)),
        response_key("weights-a", replace(CHAT, prompt="Hello")),
        response_key("weights-a", replace(CHAT, prompt=(Message("system", "Hello"),))),
        response_key("weights-a", replace(CHAT, choices=("a", "b"))),
        response_key("weights-a", replace(CHAT, choices=("b", "a"))),
        response_key("weights-a", replace(CHAT, generation=Generation(max_new_tokens=9))),
        response_key("weights-a", replace(CHAT, generation=Generation(8, stop=("\n",)))),
        response_key("weights-a", sampled),
        response_key("weights-a", replace(sampled, generation=replace(sampled.generation, seed=1))),
    ]
    assert len(set(different)) == len(different)


def test_the_key_ignores_the_irrelevant() -> None:
    greedy = replace(CHAT, generation=Generation(max_new_tokens=8, seed=5, top_k=3))
    assert response_key("w", greedy) == response_key("w", CHAT)
    choosing = replace(CHAT, choices=("a", "b"))
    other = replace(choosing, generation=Generation(max_new_tokens=99))
    assert response_key("w", choosing) == response_key("w", other)


def a_run() -> tuple[RunRecord, CellRecord]:
    run = RunRecord(
        "20260101-000000-aaaaaa", "2026-01-01T00:00:00", None, "running", Provenance("0.1.0")
    )
    run.suites["s"] = SuiteRecord(
        {"suite": "s", "task": "qa", "licence": "CC0-1.0"}, "s.eval.yaml", "h", "d", 2, None,
        {"p": "t"},
    )  # fmt: skip
    run.models["m"] = ModelRecord("m", "callable", {}, None, {})
    sample = sample_record(
        id="1", index=0, fields={"question": "q", "n": [1, 2]}, targets=["Paris"],
        prompt=[{"role": "user", "content": "q"}], sent="<q>", output="Paris", prediction="Paris",
        how="whole", status="ok", correct=True, scores={"exact_match": 1.0},
        checks=[CheckRecord("max_words: 3", True, "1 word")], seconds=0.5, prompt_tokens=4,
    )  # fmt: skip
    lost = Answer(explanation="whole", status="error", error="boom")
    failed = replace(sample, id="2", index=1, answers=[lost], scores={})
    cell = CellRecord(
        "s", "m", "p", "qa", 2, 1, {"ok": 1, "error": 1},
        {"exact_match": ScoreRecord("exact_match", 1.0, 0.2, 1.0, 1)},
        [GateRecord("r", "fail", "exact_match", ">=", 0.5, 1.0, 0.2, 1.0, 0.5, 1, None, "why")],
        [ConfusionMatrix(("a",), ((1,),))], [sample, failed],
    )  # fmt: skip
    return run, cell


def test_every_answer_survives_storage(store: Store) -> None:
    run, cell = a_run()
    sample = cell.samples[0]
    thought = Answer("", None, "still thinking", "unparsed", thinking="hm", unfinished=True)
    graded = Judgment(
        "good", "j", Reply(Status.OK, "4", 3.5, {"4": 0.5, "3": 0.5}, 0.0), rubric="12ab",
        method="choice", prompt=(Message("user", "How good?"),), reasoning="well", cached=True,
    )  # fmt: skip
    chosen = Judgment(
        "better", "k", Reply(Status.UNPARSED, lists={"slips": ("a", "b")}, error="no"),
        Category(), Pair("other/p", "B"), repeat=1, text="hm",
    )  # fmt: skip
    coded = Answer(
        "x = 1", "x = 1", "the code; its tests fail: no", correct=False, scores={"share": 0.0},
        probabilities={"a": 0.5}, choices=Choices(("A", "B"), ("a", "b"), (-1.0, -2.0)),
        likelihood=Likelihood(-3.0, 2, 5), candidates=("x", "y"), tie=True,
        tests=CodeRun(False, "no", "out", 0.5), checks=(CheckRecord("json: true", False, "no"),),
        judgments=(graded, chosen), sent="<q>", cached=True, seconds=0.25,
        prompt_tokens=3, completion_tokens=4, finish="stop", details={"margin": 0.1},
    )  # fmt: skip
    lost = Answer("", None, "", "error", "boom")
    sample.answers, sample.shown = [thought, coded, lost], 1
    cell.samples = [sample]
    store.begin_run(run)
    responses = [
        ("one", Response(Status.TRUNCATED, "<think>hm")),
        ("two", Response(Status.OK, "x = 1", "<q>", seconds=0.25, prompt_tokens=3,
                         completion_tokens=4, finish="stop")),
    ]  # fmt: skip
    store.add_responses(run.id, responses)
    for keys in (["one", "two", None], [None, None, None]):
        store.add_cell(run.id, 0, cell, [keys])
        assert store.samples(run.id, ("s", "m", "p")) == [sample]


def test_a_run_survives_storage(store: Store) -> None:
    run, cell = a_run()
    store.begin_run(run)
    response = Response(Status.OK, "Paris", "<q>", seconds=0.5, prompt_tokens=4)
    store.add_responses(run.id, [("key", response)])
    store.add_cell(run.id, 0, cell, [["key"], [None]])
    run.status, run.finished = "finished", "2026-01-01T00:01:00"
    store.end_run(run)
    run.cells = [cell]
    for name in ("last", run.id, run.id[:8]):
        assert store.run(name) == run
    assert store.run(samples=False).cells[0].samples == []
    (score,) = store._db.execute("SELECT score, value, n FROM scores").fetchall()
    assert score == ("exact_match", 1.0, 1)


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("failed at sample 7: ValueError: no", "failed"),
        ("undefined: no target is spam", "undefined"),
        ("", "undefined"),
    ],
)
def test_an_older_store_explains_missing_values_in_a_note(
    store: Store, note: str, why: str
) -> None:
    run, cell = a_run()
    cell.scores = {
        "auroc": ScoreRecord("auroc", None, None, None, 2, note=note),
        "contains": ScoreRecord("contains", 0.5, 0.1, 0.9, 2, note="failed to find more"),
    }
    store.begin_run(run)
    store.add_cell(run.id, 0, cell, [[None], [None]])
    store._db.execute(
        "UPDATE cells SET body = json_remove(body, '$.scores.auroc.no_value',"
        " '$.scores.contains.no_value')"
    )
    scores = store.run(run.id).cells[0].scores
    assert scores["auroc"].no_value == why
    assert scores["contains"].no_value == ""


def test_an_older_store_counts_the_samples_without_an_answer(store: Store) -> None:
    run, cell = a_run()
    store.begin_run(run)
    store.add_cell(run.id, 0, cell, [[None], [None]])
    store._db.execute("UPDATE cells SET body = json_remove(body, '$.unanswered')")
    assert store.run(run.id).cells[0].unanswered == 1


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
