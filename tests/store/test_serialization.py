"""Records in the form in which they are stored come back whole; older forms are read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.exchange import Response, Status
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
from evalkit.store import Store, serialization

from ..samples import sample_record


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


def test_a_record_that_would_unpack_to_too_much_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serialization, "_MOST_BYTES", 1_000)
    assert serialization.unpack(serialization.pack({"a": "x" * 900}))["a"] == "x" * 900
    with pytest.raises(ValueError, match="longer than"):
        serialization.unpack(serialization.pack({"a": "x" * 5_000}))


def test_a_record_that_is_cut_off_is_refused() -> None:
    packed = serialization.pack({"a": "x" * 5_000})
    with pytest.raises(ValueError, match="cut off"):
        serialization.unpack(packed[:-8])
