"""Columns that a suite computes from those of its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.spec.load import LoadedSuite, load_checked

ARC = {
    "id": "Q1",
    "question": "What falls from clouds?",
    "choices": {"text": ["rain", "stones"], "label": ["1", "2"]},
    "answerKey": "1",
}


def loaded(data: dict[str, Any], **more: Any) -> LoadedSuite:
    suite = {"task": "qa", "data": data, "prompt": "{{ question }}", **more}
    return load_checked({"suite": "x", **suite})


def problems(data: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(SpecError) as error:
        loaded(data, **more)
    return [str(problem) for problem in error.value.problems]


def test_a_column_is_any_expression_of_the_others() -> None:
    columns = {
        "options": "choices.text",
        "right": "options[choices.label.index(answerKey)]",
        "number": "id[1:] | int + 1",
        "safe": "'refuse' if 'stones' in right else 'comply'",
    }
    read = loaded({"rows": [ARC], "columns": columns, "target": "right"})
    sample = read.dataset.samples[0]
    assert sample.targets == ("rain",)
    assert sample.fields["options"] == ["rain", "stones"]
    assert sample.fields["number"] == 2
    assert sample.fields["safe"] == "comply"
    assert read.dataset.columns == (*ARC, *columns)


def test_it_serves_as_choices_and_may_replace_a_column() -> None:
    read = loaded(
        {"rows": [ARC], "columns": {"choices": "choices.text"}, "choices": "choices", "target": "t"}
        | {"columns": {"t": "choices.text[0]", "choices": "choices.text"}},
        task="multiple-choice",
    )
    assert read.dataset.samples[0].choices == ("rain", "stones")
    assert read.dataset.samples[0].targets == ("rain",)


def test_the_data_hash_is_the_files_and_the_suite_hash_covers_expressions() -> None:
    plain = loaded({"rows": [ARC], "target": "question"})
    computed = loaded({"rows": [ARC], "target": "question", "columns": {"x": "id"}})
    other = loaded({"rows": [ARC], "target": "question", "columns": {"x": "question"}})
    assert plain.dataset.hash == computed.dataset.hash == other.dataset.hash
    hashes = {one.suite.settings_hash for one in (plain, computed, other)}
    assert len(hashes) == 3


def test_examples_get_computed_columns_or_provide_them(tmp_path: Path) -> None:
    (tmp_path / "shots.jsonl").write_text(json.dumps({**ARC, "question": "Rain or stones?"}))
    shots = {"file": "shots.jsonl", "count": 1}
    own = {"rows": [{"question": "And here?", "right": "here"}]}
    path = tmp_path / "x.eval.yaml"
    for examples, answer in ((shots, "rain"), (own, "here")):
        prompt = {"user": "{{ question }}", "shots": examples}
        suite = {
            "task": "qa",
            "data": {"rows": [ARC], "target": "right", "columns": {"right": "choices.text[0]"}},
            "prompts": {"p": prompt},
        }
        path.write_text(json.dumps(suite))
        read = load_checked(path, root=tmp_path)
        rendered = read.variants["p"].render(read.dataset.samples[0])
        assert [getattr(turn, "content", None) for turn in rendered][1] == answer


def test_errors_have_a_location(tmp_path: Path) -> None:
    data = {"rows": [ARC], "target": "question"}
    misspelt = problems({**data, "columns": {"x": "chioces.text"}})[0]
    assert "unknown column 'chioces'; did you mean 'choices'?" in misspelt
    assert "not a valid expression" in problems({**data, "columns": {"x": "choices.("}})[0]
    assert "not a valid expression" in problems({**data, "columns": {"x": "id }} {{ id"}})[0]
    (tmp_path / "rows.jsonl").write_text(
        "\n".join(json.dumps(row) for row in (ARC, {**ARC, "id": "Q2", "answerKey": "7"}))
    )
    (tmp_path / "x.eval.yaml").write_text(
        "task: qa\ndata:\n  file: rows.jsonl\n  target: right\n"
        "  columns:\n    right: choices.text[choices.label.index(answerKey)]\n"
        "prompt: '{{ question }}'\n"
    )
    with pytest.raises(SpecError) as error:
        load_checked(tmp_path / "x.eval.yaml", root=tmp_path)
    told = str(error.value)
    assert "rows.jsonl:2: the column 'right' cannot be computed: ValueError" in told
    assert "rows.jsonl:1:" not in told


@pytest.mark.parametrize(
    "expression",
    ["question.__class__.__mro__", "''.__class__", "choices.text.append(1)", "'x' * 100000000"],
)
def test_expressions_are_sandboxed(expression: str) -> None:
    told = problems({"rows": [ARC], "target": "question", "columns": {"x": expression}})
    assert "the column 'x' cannot be computed" in told[0]
