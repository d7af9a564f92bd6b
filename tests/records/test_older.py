"""Records of older versions are converted to the current form."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sklearn.metrics import f1_score

from evalkit import Run, evaluate
from evalkit.api import compare
from evalkit.comparing.baseline_file import read_run
from evalkit.comparing.cells import compare_in
from evalkit.comparing.operand import side_of
from evalkit.comparing.scores import compare_score
from evalkit.metrics import Columns
from evalkit.metrics.custom_function import OwnMetric
from evalkit.metrics.entry import Metric
from evalkit.metrics.registry import Registry
from evalkit.records import CodeRun, Group, ScoreName
from evalkit.reporting.document import document
from evalkit.store import Store

HERE = Path(__file__).parents[1] / "older"
SCHEMA = json.loads((HERE.parents[1] / "docs" / "results.schema.json").read_text(encoding="utf-8"))
PLACES = ["Rome, Italy", "x]y", "p=q"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The older store as a file of SQLite, its blobs packed as they were."""
    written = json.loads((HERE / "store.json").read_text(encoding="utf-8"))
    folder = tmp_path / ".evalkit"
    folder.mkdir()
    with sqlite3.connect(folder / "store.sqlite") as file:
        for statement in written["schema"]:
            file.execute(statement)
        file.execute(f"PRAGMA user_version={written['user_version']}")
        for table, rows in written["tables"].items():
            for row in rows:
                marks = ", ".join("?" * len(row))
                values = [json.dumps(v["json"]).encode() if isinstance(v, dict) else v for v in row]
                file.execute(f"INSERT INTO {table} VALUES ({marks})", values)
    file.close()
    return Store(folder)


def test_group_columns_are_separate_and_scores_have_current_names(store: Store) -> None:
    run = store.run("colours")
    assert run.suites["colours"].groups == ["where, when", "kind"]
    for cell in run.cells:
        names = {ScoreName.parse(name) for name in cell.scores}
        assert {name.key for name in names if name.base == "f1"} == {"a=b", "c[d]", "plain"}
        groups = {name.group for name in names if name.base == "accuracy" and name.group}
        places = {Group("where, when", place) for place in PLACES}
        assert groups == places | {Group("kind", "a"), Group("kind", "b")}
        assert all(score.name == name for name, score in cell.scores.items())
        assert all(gate.score in cell.scores for gate in cell.gates)
    assert run.cells[1].gates[1].score == 'f1["a=b"]'


def test_answers_stored_as_samples_are_converted(store: Store) -> None:
    good, worse = store.run("colours").cells
    assert all(len(s.answers) == 1 and s.shown == 0 for s in (*good.samples, *worse.samples))
    first = good.samples[0].answer
    assert first.prediction == "a=b"
    assert first.explanation.startswith("the likeliest of 3 continuations")
    assert first.choices is not None
    assert first.choices.texts == first.choices.continuations == ("a=b", "c[d]", "plain")
    assert first.choices.logprobs == pytest.approx([-0.22314355, -2.30258509, -2.30258509])
    assert first.probabilities == pytest.approx({"a=b": 0.8, "c[d]": 0.1, "plain": 0.1})
    assert (first.correct, first.scores["accuracy"], first.details) == (True, 1.0, {})
    wrong = [sample.index for sample in worse.samples if not sample.correct]
    assert wrong == [0, 4, 8]


def test_an_older_run_is_compared_by_label_and_by_group(store: Store) -> None:
    run = store.run("colours")
    a, b = (side_of(run, cell) for cell in run.cells)
    targets = [sample.targets[0] for sample in run.cells[0].samples]
    said = [str(sample.prediction) for sample in run.cells[1].samples]
    for label in ("a=b", "c[d]", "plain"):
        found = compare_score(a, b, str(ScoreName("f1", label)))
        wanted = f1_score(targets, said, labels=[label], average="macro")
        assert (found.a, found.b) == pytest.approx((1.0, wanted))
    for place in PLACES:
        found = compare_score(a, b, str(ScoreName("accuracy", None, Group("where, when", place))))
        rows = [s for s in run.cells[1].samples if s.fields["where, when"] == place]
        right = [s.prediction == s.targets[0] for s in rows]
        assert (found.n, found.b) == (len(rows), pytest.approx(sum(right) / len(rows)))


def test_test_results_of_every_repeat_are_converted(store: Store) -> None:
    """For all answers but the first, only text said whether their tests pass."""
    run = store.run("sums")
    m1, m2 = run.cells
    passed = [[[a.tests.passed for a in s.answers if a.tests] for s in c.samples] for c in (m1, m2)]
    assert passed == [[[True, False, False]] * 3, [[False, True, True]] * 3]
    second = m1.samples[0].answers[1]
    reason = "AssertionError (tests, line 1: assert add(1, 2) == 3)"
    assert second.tests == CodeRun(False, reason)
    assert (second.correct, second.prediction) == (False, "def add(a, b):\n    return a - b\n")

    def share(columns: Columns) -> float:
        return float(sum(ok for row in columns.passed for ok in row) / len(columns))

    registry = Registry({"share": Metric("share", OwnMetric("share", share), "", open_keys=True)})
    (found,) = compare_in(run, "sums", registry=registry)
    assert (found.scores[0].a, found.scores[0].b) == pytest.approx((1 / 3, 2 / 3))


def test_results_return_to_their_repeat(store: Store) -> None:
    (cell,) = store.run("talk").cells
    thought, same, lost = cell.samples
    assert [a.thinking for a in thought.answers] == ["hm", None]
    assert [a.output for a in thought.answers] == ["yes", "no way"]
    assert [a.correct for a in thought.answers] == [True, False]
    assert [c.reason for c in thought.checks] == ["answer 2: 2 words"]
    assert [len(a.checks) for a in thought.answers] == [0, 1]
    assert [[j.reply.value for j in a.judgments] for a in same.answers] == [[4.0], [4.0]]
    assert [j.repeat for j in same.judgments] == [0, 1]
    assert (lost.shown, [a.status for a in lost.answers]) == (1, ["error", "ok"])
    assert "RuntimeError: lost" in lost.answers[0].error
    assert lost.judgments[0].repeat == 1
    assert lost.answers[1].judgments
    assert thought.scores == pytest.approx({"exact_match": 0.5, "helpfulness": 4.0})
    assert cell.unanswered == sum(sample.unanswered for sample in cell.samples) == 1


@pytest.mark.parametrize("name", ["colours", "sums", "talk"])
def test_an_older_run_can_be_reported(store: Store, tmp_path: Path, name: str) -> None:
    run = Run(store.run(name), store)
    Draft202012Validator(SCHEMA).validate(document(run.record, samples=True))
    run.to_html(tmp_path / "run.html")
    run.to_markdown(tmp_path / "run.md")
    assert len(run.samples) == sum(len(cell.samples) for cell in run.record.cells)
    # What is written again says the same of everything that the older document said.
    run.to_json(tmp_path / "run.json")
    before = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    now = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    for old, new in zip(before["cells"], now["cells"], strict=True):
        assert list(_values(old).values()) == list(_values(new).values())
        assert old.get("pairs", {}) == new.get("pairs", {}) or name == "colours"
    for suite, about in before["suites"].items():
        assert {key: now["suites"][suite][key] for key in about} == about


def _values(cell: dict[str, Any]) -> dict[str, Any]:
    return {name: (one["value"], one["n"], one["low"]) for name, one in cell["scores"].items()}


def test_an_older_document_is_a_baseline(store: Store) -> None:
    read = read_run(HERE / "colours.json")
    run = store.run("colours")
    assert read.suites["colours"].groups == ["where, when", "kind"]
    assert list(read.cells[0].scores) == list(run.cells[0].scores)
    for name in ("accuracy", 'f1["c[d]"]', "accuracy[where, when=Rome, Italy]",
                 'accuracy[where, when="x]y"]', "log_loss[where, when=p=q]"):  # fmt: skip
        old = compare_score(side_of(read, read.cells[0]), side_of(run, run.cells[1]), name)
        new = compare_score(side_of(run, run.cells[0]), side_of(run, run.cells[1]), name)
        assert old.n == new.n
        assert (old.a, old.b) == pytest.approx((new.a, new.b), abs=1e-6)  # six digits are kept


def test_compare_takes_an_older_document_and_names_without_quotes(
    store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "colours.json"
    shutil.copy(HERE / "colours.json", file)
    wanted = ["f1[a=b]", "accuracy[where, when=Rome, Italy]", 'f1["c[d]"]']
    folder = store.path.parent
    both = compare(str(file), "colours", store=folder, metrics=wanted)
    assert [score.score for score in both[0].scores] == [
        'f1["a=b"]', "accuracy[where, when=Rome, Italy]", 'f1["c[d]"]',
    ]  # fmt: skip
    assert all(score.difference == 0 for one in both for score in one.scores)


def test_a_suite_of_an_older_version_keeps_its_fields(store: Store) -> None:
    """Some of its declaration was stored separately then; it is read from its current place."""
    old = json.loads((HERE / "colours.json").read_text(encoding="utf-8"))["suites"]["colours"]
    names = "name task labels metrics gates answer on_unparsed repeats max_errors"
    names += " groups data_hash total prompt_hashes"
    old.setdefault("groups", ["where, when", "kind"])  # it had the columns as one text
    stored = store.run("colours").suites["colours"]
    for suite in (stored, read_run(HERE / "colours.json").suites["colours"]):
        assert suite.generation.to_json() == old["generation"]
        for name in names.split():
            assert getattr(suite, name) == old[name], name
        assert suite.settings_hash == old["scoring_hash"]
        assert (suite.declared["suite"], suite.which) == ("colours", "")


def test_a_document_says_what_the_suite_declares(tmp_path: Path) -> None:
    rows = [{"q": f"{i}", "a": "x"} for i in range(3)]
    suite = {
        "suite": "s", "task": "qa", "data": {"rows": rows, "target": "a"}, "prompt": "{{ q }}",
        "metrics": [{"exact_match": {}}, {"rouge1": {"use_stemmer": True}}], "max_errors": 1,
    }  # fmt: skip
    run = evaluate(suite, {"m": lambda prompt: "x"}, root=tmp_path)
    run.to_json(tmp_path / "run.json")
    written = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    Draft202012Validator(SCHEMA).validate(written)
    declared = written["suites"]["s"]["declared"]
    assert declared["data"]["target"] == ["a"]
    assert declared["generation"]["max_new_tokens"] == 256, "defaults are there too"
    assert "rows" not in declared["data"]
    read = read_run(tmp_path / "run.json").suites["s"]
    assert read == run.record.suites["s"] == run.store.run(run.id).suites["s"]
    assert (read.metric_settings, read.max_errors) == ({"rouge1": {"use_stemmer": True}}, 1)
