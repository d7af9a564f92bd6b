"""Labels, columns and values with commas, brackets and equals signs, from the suite to the page."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sklearn.metrics import f1_score

from evalkit import Run, SpecError, evaluate
from evalkit.api import compare
from evalkit.comparing.cells import compare_cells
from evalkit.comparing.operand import side_of
from evalkit.records import Group, ScoreName, score_name

SCHEMA = Path(__file__).parents[2] / "docs" / "results.schema.json"
LABELS = ["a=b", "c[d]", "x]y", "e, f", "where, when=Rome", '"q"']
VALUES = {
    "where, when": ["Rome, 1999", "Oslo"],
    "k=v": ["p=q", "=", "x"],
    "n[0]": ["[z", "x]y", "", '"w"'],
    "plain": ["b] >= 0.5 and c", "d"],
}
"""Columns that samples are grouped by."""


def rows() -> list[dict[str, Any]]:
    return [
        {"id": f"r{i}", "text": f"row {i} {label}", "label": label}
        | {column: values[(i // 6) % len(values)] for column, values in VALUES.items()}
        for i, label in enumerate(LABELS * 8)
    ]


def wrong(i: int) -> bool:
    """Which rows the second model mistakes for the next label."""
    return i % 5 == 0


def suite(**more: Any) -> dict[str, Any]:
    return {
        "suite": "hostile", "task": "classification", "labels": LABELS,
        "data": {"rows": rows(), "target": "label", "group": list(VALUES)},
        "prompts": {"p": {"text": "{{ text }}"}}, "metrics": ["accuracy", "f1"],
        "answer": {"after": "is "}, **more,
    }  # fmt: skip


def good(prompt: str) -> str:
    return "it is " + prompt.split(" ", 2)[2]


def worse(prompt: str) -> str:
    _, i, label = prompt.split(" ", 2)
    place = LABELS.index(label)
    return "it is " + (LABELS[(place + 1) % len(LABELS)] if wrong(int(i)) else label)


MODELS = {"good": good, "worse": worse}
GROUPS = [Group(column, value) for column, values in VALUES.items() for value in values]


def expected(group: Group) -> tuple[float, int]:
    """The accuracy of the second model over a group, and its samples."""
    inside = [i for i, row in enumerate(rows()) if row[group.column] == group.value]
    return sum(not wrong(i) for i in inside) / len(inside), len(inside)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return evaluate(suite(), MODELS, root=tmp_path_factory.mktemp("hostile"))


def test_scores_of_labels_and_groups(run: Run) -> None:
    cell = run.record.cells[1]
    named = {ScoreName.parse(name): score for name, score in cell.scores.items()}
    for group in GROUPS:
        value, n = expected(group)
        score = named[ScoreName("accuracy", None, group)]
        assert (score.value, score.n) == (pytest.approx(value), n)
    targets = [row["label"] for row in rows()]
    said = [sample.prediction for sample in cell.samples]
    for label in LABELS:
        wanted = f1_score(targets, said, labels=[label], average="macro")
        assert named[ScoreName("f1", label)].value == pytest.approx(wanted)
    assert len(named) == 1 + len(LABELS) + len(GROUPS)


@pytest.mark.parametrize("quoted", [True, False])
def test_gates_with_and_without_a_confidence_and_against_another_cell(
    tmp_path: Path, quoted: bool
) -> None:
    gates = []
    for group in GROUPS:
        raw = f"accuracy[{group.column}={group.value}]"
        name = score_name("accuracy", None, group) if quoted else raw
        gates += [f"{name} >= {expected(group)[0] - 0.001:.4f}"]
        gates += [f"{name} >= good/p - 0.99 at 90%"]
    gates += [f"{score_name('f1', b) if quoted else f'f1[{b}]'} >= 0.1" for b in LABELS]
    done = evaluate(suite(gates=gates), MODELS, root=tmp_path)
    worse_gates = done.record.cells[1].gates
    assert [gate.rule for gate in worse_gates] == [" ".join(gate.split()) for gate in gates]
    assert {gate.verdict for gate in worse_gates} == {"pass"}
    assert all(gate.score in done.record.cells[1].scores for gate in worse_gates)
    for group, gate in zip(GROUPS, worse_gates[1::2], strict=False):
        assert f"over {expected(group)[1]} paired samples" in gate.reason


def test_an_unknown_group_is_distinguished_from_others(tmp_path: Path) -> None:
    for rule, said in {
        "accuracy[where, when=Paris] >= 0": "unknown value of where, when 'Paris'",
        "accuracy[where=Oslo] >= 0": "unknown group 'where'",
        "f1[a=c] >= 0": "unknown score 'f1[a=c]'",
    }.items():
        with pytest.raises(SpecError, match=re.escape(said)):
            evaluate(suite(gates=[rule]), MODELS, root=tmp_path)


def test_the_suite_keeps_its_columns(run: Run) -> None:
    assert run.record.suites["hostile"].groups == list(VALUES)
    assert run.store is not None
    assert run.store.run(run.id).suites["hostile"].groups == list(VALUES)


def test_every_group_is_compared(run: Run) -> None:
    sides = tuple(side_of(run.record, cell) for cell in run.record.cells)
    (found,) = compare_cells([sides], ["all"])
    by_name = {ScoreName.parse(score.score): score for score in found.scores}
    for group in GROUPS:
        score = by_name[ScoreName("accuracy", None, group)]
        value, n = expected(group)
        assert (score.a, score.b, score.n) == (1.0, pytest.approx(value), n)
    for label in LABELS:
        assert by_name[ScoreName("f1", label)].test
    raw = [f"accuracy[{group.column}={group.value}]" for group in GROUPS if group.value != '"w"']
    (found,) = compare_cells([sides], [*raw, "f1[a=b]", "f1"])
    assert len(found.scores) == len(raw) + len(LABELS)


def test_the_json_document_has_the_parts_of_each_name(run: Run, tmp_path: Path) -> None:
    run.to_json(tmp_path / "run.json")
    written = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(written)
    about = written["suites"]["hostile"]
    assert (about["groups"], about["group"]) == (list(VALUES), ", ".join(VALUES))
    scores = written["cells"][1]["scores"].values()
    groups = [tuple(score["group"].values()) for score in scores if "group" in score]
    assert sorted(groups) == sorted(map(tuple, GROUPS))
    assert {score["label"] for score in scores if "label" in score} == set(LABELS)
    file = str(tmp_path / "run.json")
    assert run.store is not None
    both = compare(file, run.id, store=run.store.path.parent, metrics=["all"])
    assert all(score.difference == 0 for one in both for score in one.scores)
    gates = ["accuracy[where, when=Oslo] >= baseline - 0.5 at 90%", "f1[c[d]] >= baseline"]
    after = evaluate(suite(gates=gates), MODELS, root=tmp_path, baseline=file)
    assert {gate.verdict for cell in after.record.cells for gate in cell.gates} == {"pass"}


def test_the_report_shows_them_in_the_right_tables(run: Run, tmp_path: Path) -> None:
    run.to_html(tmp_path / "run.html")
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    for group in GROUPS:
        assert html.escape(score_name("accuracy", None, group), quote=False) in html.unescape(
            page
        ).replace("<", "&lt;").replace(">", "&gt;")
    assert f"by {', '.join(VALUES)}" in html.unescape(page)
    assert f"{len(GROUPS)} scores</small>" in page


def test_refusals_are_grouped_by_a_column_with_a_comma(tmp_path: Path) -> None:
    requests = [
        {"id": str(i), "q": f"request {i}", "label": "refuse", "kind, sort": "ab"[i % 2]}
        for i in range(4)
    ]
    declared = {
        "suite": "s", "task": "safety", "prompts": {"p": "{{ q }}"},
        "data": {"rows": requests, "target": "label", "group": "kind, sort"},
    }  # fmt: skip
    done = evaluate(declared, {"m": lambda prompt: "I can't help with that."}, root=tmp_path)
    done.to_html(tmp_path / "run.html")
    page = html.unescape((tmp_path / "run.html").read_text(encoding="utf-8"))
    assert "By kind, sort <small>2 groups</small>" in page
    assert "<summary>By kind <small>" not in page
