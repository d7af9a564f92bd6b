"""Rows of every kind of file become samples; whatever is wrong with them is named."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import SpecError
from evalkit.spec.data import Dataset, Sample
from evalkit.spec.load import load_checked, load_suite
from evalkit.spec.suite import Suite
from evalkit.spec.values import plain
from tests.spec.conftest import Write

from .loading import load_data


def qa(data: dict[str, Any], root: Path | None = None, **keys: Any) -> Suite:
    """A question-answering suite over some data, in the working directory."""
    suite = {"task": "qa", "data": {"target": "a", **data}, "prompt": "{{ q }}", **keys}
    return load_suite(suite, root=root)


def read(data: dict[str, Any], **keys: Any) -> Dataset:
    return load_data(qa(data, **keys))


def problems(data: dict[str, Any], **keys: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(data, **keys)
    return [str(problem) for problem in caught.value.problems]


EXPECTED = [
    Sample("x1", 0, {"id": "x1", "q": 'say "hi", now', "a": "hi"}, ("hi",)),
    Sample("x2", 1, {"id": "x2", "q": "two\nlines", "a": "é"}, ("é",)),
]
ROWS = [sample.fields for sample in EXPECTED]


def write_csv(path: Path, delimiter: str) -> None:
    with open(path, "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "q", "a"], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "json-data", "parquet", "rows"])
def test_every_kind_of_file_gives_the_same_samples(project: Path, kind: str) -> None:
    suffix, _, form = kind.partition("-")
    path = project / f"data.{suffix}"
    if kind in ("csv", "tsv"):
        write_csv(path, "," if kind == "csv" else "\t")
    elif kind == "jsonl":
        path.write_text("\n\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    elif suffix == "json":
        path.write_text(json.dumps({"data": ROWS} if form else ROWS), encoding="utf-8")
    elif kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(ROWS), path)
    dataset = read({"rows": ROWS} if kind == "rows" else {"file": path.name})
    assert list(dataset.samples) == EXPECTED
    assert dataset.columns == ("id", "q", "a")
    assert dataset.total == 2
    if kind != "rows":
        assert dataset.hash == hashlib.sha256(path.read_bytes()).hexdigest()


def test_json_values_stay_values_and_targets_are_text(write: Write) -> None:
    write(
        "d.jsonl",
        """\
        {"q": {"deep": [1, null]}, "a": 1.0, "ok": true}
        {"q": 2, "a": 7}
        {"q": null, "a": true}
        {"q": "u\\u2028v", "a": ["one", 2, null, ""]}
        """,
    )
    samples = read({"file": "d.jsonl"}).samples
    assert samples[0].fields == {"q": {"deep": [1, None]}, "a": 1.0, "ok": True}
    assert [sample.targets for sample in samples] == [("1.0",), ("7",), ("true",), ("one", "2")]
    assert [sample.id for sample in samples] == ["1", "2", "3", "4"]
    assert samples[3].fields["q"] == "u\u2028v", "only a line feed ends a line of JSON"


def test_columns_are_those_of_all_rows(write: Write) -> None:
    write("d.jsonl", '{"q": 1, "a": "x"}\n{"a": "y", "more": 2}\n')
    assert read({"file": "d.jsonl"}).columns == ("q", "a", "more")


def test_several_columns_are_several_references(write: Write) -> None:
    write("d.csv", "q,a,b\nwho,x,y\nwhat,z,\n")
    targets = [sample.targets for sample in read({"file": "d.csv", "target": ["a", "b"]})]
    assert targets == [("x", "y"), ("z",)]


def test_a_list_in_a_csv_cell_is_several_references(write: Write) -> None:
    write("d.csv", 'q,a\nwho,"[""x"", ""y""]"\nwhat,[1]\nwhy,"[""[see note]""]"\n')
    targets = [sample.targets for sample in read({"file": "d.csv"})]
    assert targets == [("x", "y"), ("1",), ("[see note]",)]


def test_ids_come_from_the_column_asked_for(write: Write) -> None:
    write("d.csv", "key,id,q,a\nk1,i1,1,1\nk2,i2,2,2\n")
    assert [s.id for s in read({"file": "d.csv"})] == ["i1", "i2"]
    assert [s.id for s in read({"file": "d.csv", "id": "key"})] == ["k1", "k2"]


def test_huge_fields_are_read_and_the_csv_module_is_left_as_it_was(write: Write) -> None:
    before = csv.field_size_limit()
    write("d.csv", f"q,a\n{'x' * 300_000},1\n")
    assert len(read({"file": "d.csv"}).samples[0].fields["q"]) == 300_000
    assert csv.field_size_limit() == before


def test_a_question_without_an_answer(write: Write) -> None:
    write("d.jsonl", '{"q": 1, "a": []}\n{"q": 2, "a": ["x"]}\n{"q": 3, "a": null}\n')
    suite = qa({"file": "d.jsonl"}, task="extractive-qa")
    assert [s.targets for s in load_data(suite)] == [("",), ("x",), ("",)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "d.csv",
            "q,a\n1,1\n2,2,3\n4\n",
            [
                "d.csv:3: 3 fields, but the first line names 2 columns; a text that contains the "
                "separator needs double quotes",
                "d.csv:4: 1 field, but the first line names 2 columns",
            ],
        ),
        ("d.csv", 'q,a\n1,1\n"open,2\n3,3\n', ['d.csv:3: a quote (") opened here is never closed']),
        (
            "d.csv",
            'q,a\n"two\nlines",1\n"bad" x,2\n',
            ['d.csv:4: text follows a closing quote; write a quote inside a text twice ("")'],
        ),
        ("d.csv", "q;a\n1;2\n", ["d.csv:1: the columns seem to be separated by semicolons: save"]),
        ("d.csv", "q\ta\n1\t2\n", ["d.csv:1: the columns seem to be separated by tabs: name it"]),
        ("d.tsv", "q,a\n1,2\n", ["d.tsv:1: the columns seem to be separated by commas: name it"]),
        ("d.csv", "q,a,q\n1,2,3\n", ["d.csv:1: two columns are called 'q'; rename one"]),
        ("d.csv", "q,,a\n1,2,3\n", ["d.csv:1: column 2 has no name in the first line"]),
        ("d.csv", "", ["d.csv:1: no header"]),
        ("d.csv", "q,a\n", ["<suite>: data.file: 'd.csv' has no rows"]),
        ("d.csv", "q,a\n1,\n2,  \n", ["d.csv:2: the target is missing (column 'a')", "d.csv:3: "]),
        (
            "d.csv",
            "id,q,a\nx,1,1\ny,2,2\nx,3,3\n,4,4\n",
            [
                "d.csv:4: the id 'x' is already used in line 2; ids must be unique",
                "d.csv:5: the id is missing (column 'id')",
            ],
        ),
        (
            "d.jsonl",
            '{"q": 1, "a": 1}\n{"q": 2,}\n\n[1]\n{"q": NaN, "a": 1}\n',
            [
                "d.jsonl:2: is not JSON: ",
                'd.jsonl:4: is not a JSON object; write {"column": …} on each line',
                "d.jsonl:5: is not JSON: NaN is not JSON; use null",
            ],
        ),
        ("d.jsonl", '{"q": 1, "a": {"x": 1}}', ["d.jsonl:1: the target ('a') is not a text: {'x'"]),
        ("d.json", '[{"q": 1, "a": 1}, 5]', ["d.json: row 2: is not a JSON object"]),
        ("d.json", '[{"q": 1, "a": 1}, {"q": 2}]', ["d.json: row 2: the target is missing"]),
        ("d.json", '{"q": 1}', ['d.json: must contain a list of rows, or {"data": [rows]}']),
        ("d.json", "[\n{,\n]", ["d.json:2: is not JSON: "]),
        ("d.json", '{"q": 1}\n{"q": 2}\n', ["d.json:2: is not JSON: Extra data (column 1); if"]),
        (
            "d.jsonl",
            '{"q": 1, "a": 1}\n{"q": 2, "a": 1, "a": 2}\n{"q": {"x": 1, "x": 1}, "a": 3}\n'
            '{"q": [{"x": 1}, {"x": 2}], "a": {"b": "b"}}\n',
            [
                "d.jsonl:2: 'a' is written twice; keep one",
                "d.jsonl:3: 'x' is written twice; keep one",
                "d.jsonl:4: the target ('a') is not a text: {'b': 'b'}",
            ],
        ),
        (
            "d.json",
            '[\n {"q": 1,\n  "a": 1,\n  "\\u0061": 2},\n'
            ' {"q": {"x": 1,\n "y": "x", "x": 1}, "a": 3}]',
            [
                "d.json:4: 'a' is written twice, here and in line 3; keep one",
                "d.json:6: 'x' is written twice, here and in line 5; keep one",
            ],
        ),
        (
            "d.json",
            '{"data": [{"q": 1, "a": 1}],\n "data": [{"q": 2, "a": 2}]}',
            ["d.json:2: 'data' is written twice, here and in line 1; keep one"],
        ),
        ("d.xlsx", "PK", ["d.xlsx: unknown file format (.xlsx); use .csv, .tsv, .jsonl, .json,"]),
    ],
)
def test_broken_files(write: Write, name: str, text: str, expected: list[str]) -> None:
    write(name, text)
    found = problems({"file": name})
    assert len(found) == len(expected)
    for message, beginning in zip(found, expected, strict=True):
        assert message.startswith(beginning)


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.json"])
def test_files_that_are_not_utf8(project: Path, name: str) -> None:
    lines = {"d.csv": "q,a\n1,caf\xe9\n", "d.jsonl": '{"q": 1, "a": 1}\n{"a": "\xe9"}\n'}
    text = lines.get(name, '[\n{"a": "\xe9"}]')
    (project / name).write_bytes(text.encode("latin-1"))
    assert problems({"file": name}) == [f"{name}:2: this line is not UTF-8; save the file as UTF-8"]


def test_at_most_ten_problems_of_a_kind(write: Write) -> None:
    write("d.csv", "q,a\n" + "1,\n" * 500 + "2,2,2\n")
    found = problems({"file": "d.csv"})
    assert len(found) == 11
    assert found[9].endswith("(column 'a') (and 490 more of this kind)")
    assert "3 fields" in found[10]


def test_columns_that_are_not_there(write: Write) -> None:
    write("d.csv", "question,answer,topic\n1,1,t\n")
    found = problems({"file": "d.csv", "target": "anser", "group": ["topic", "hazard"], "id": "n"})
    assert [message.partition(": ")[2] for message in found] == [
        "data.group[1]: unknown column 'hazard' (known: question, answer, topic)",
        "data.id: unknown column 'n' (known: question, answer, topic)",
        "data.target: unknown column 'anser'; did you mean 'answer'? (known: question, answer, "
        "topic)",
    ]


def classify(rows: list[dict[str, Any]], labels: Any) -> list[Sample]:
    suite = load_suite(
        {
            "task": "classification",
            "data": {"rows": rows, "target": "y"},
            "labels": labels,
            "prompt": "{{ x }}",
        }
    )
    return list(load_data(suite).samples)


def test_targets_must_be_labels() -> None:
    rows = [{"x": i, "y": y} for i, y in enumerate(["good", "god", "bad", "god", "Bad", "?"])]
    with pytest.raises(SpecError) as caught:
        classify(rows, ["good", "bad"])
    assert sorted(problem.message for problem in caught.value.problems) == [
        "the target '?' is not a label (labels: good, bad)",
        "the target 'Bad' is not a label; did you mean 'bad'? (labels: good, bad)",
        "the target 'god' is not a label, in 2 rows; did you mean 'good'? (labels: good, bad)",
    ]


def test_numbers_and_booleans_as_labels() -> None:
    assert [s.targets for s in classify([{"x": 1, "y": 1}, {"x": 2, "y": 0}], [0, 1])] == [
        ("1",),
        ("0",),
    ]
    found = classify([{"x": 1, "y": True}], [True, False])
    assert found[0].targets == ("true",)


def test_a_classification_has_one_target() -> None:
    assert classify([{"x": 1, "y": ["a"]}], ["a", "b"])[0].targets == ("a",)
    with pytest.raises(SpecError, match="has 2 targets; the task classification has one"):
        classify([{"x": 1, "y": ["a", "b"]}], ["a", "b"])


def test_safety_wants_refuse_or_comply() -> None:
    with pytest.raises(SpecError, match=r"'refused' is not a label; did you mean 'refuse'\?"):
        read({"rows": [{"q": 1, "a": "refused"}]}, task="safety")


def choose(rows: list[dict[str, Any]], choices: Any = "c") -> list[Sample]:
    suite = load_suite(
        {
            "task": "multiple-choice",
            "data": {"rows": rows, "target": "t", "choices": choices},
            "prompt": "-",
        }
    )
    return list(load_data(suite).samples)


COLOURS = ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["green", "red"], ["green", "red"]),
        (["B", "a"], ["green", "red"]),
        ([1, 0], ["green", "red"]),
        (["1", "0"], ["green", "red"]),
    ],
)
def test_a_target_may_be_text_letter_or_number(targets: list[Any], expected: list[str]) -> None:
    samples = choose([{"c": COLOURS, "t": t} for t in targets])
    assert [s.targets for s in samples] == [(text,) for text in expected]
    assert samples[0].choices == ("red", "green", "blue")


def test_one_reading_for_the_whole_data() -> None:
    """Digits among the choices: "1" is the choice 1 where that fits every row, else the second."""
    digits = ["2", "1", "0"]
    assert [s.targets for s in choose([{"c": digits, "t": "1"}, {"c": COLOURS, "t": "red"}])] == [
        ("1",),
        ("red",),
    ]
    assert [s.targets for s in choose([{"c": digits, "t": "2"}, {"c": COLOURS, "t": "0"}])] == [
        ("0",),
        ("red",),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            {"c": COLOURS, "t": "gren"},
            "'gren' is not one of the choices; did you mean 'green'? (choi",
        ),
        ({"c": COLOURS, "t": 3}, "'3' is not one of the choices; numbers count from 0"),
        ({"c": COLOURS, "t": "D"}, "'D' is not one of the choices"),
        ({"c": COLOURS, "t": "B"}, "'B' is a letter, but other rows give a number"),
        ({"c": "red", "t": 0}, "the choices (column 'c') are not a list"),
        ({"c": ["red"], "t": 0}, "has 1 choices; at least two are needed"),
        ({"c": [str(i) for i in range(703)], "t": 0}, "has 703 choices; at most 702"),
        ({"c": ["red", "red"], "t": 0}, "the choice 'red' appears twice"),
        ({"c": COLOURS, "t": ["red", 1]}, "'red' is a choice's text, but other rows give a nu"),
    ],
)
def test_choices_that_do_not_fit(row: dict[str, Any], reason: str) -> None:
    good = [{"c": COLOURS, "t": "red" if row["t"] == "gren" else 0}] * 3
    with pytest.raises(SpecError) as caught:
        choose([*good, row])
    assert reason in str(caught.value)


@pytest.mark.parametrize("several", [["red", "green"], ["A", "B"], [0, 1], [1, 0, 1]])
def test_several_right_choices(several: list[Any], write: Write) -> None:
    [sample] = choose([{"c": COLOURS, "t": several}])
    assert set(sample.targets) == {"red", "green"}
    assert len(sample.targets) == 2
    cell = json.dumps(several).replace('"', '""')
    write("d.csv", f'q,c,a\nwho,"[""red"", ""green"", ""blue""]","{cell}"\n')
    suite = qa({"file": "d.csv", "choices": "c"}, task="multiple-choice")
    [sample] = load_data(suite).samples
    assert set(sample.targets) == {"red", "green"}


def test_a_choice_that_reads_like_a_list_is_one_choice(write: Write) -> None:
    """A question about Python: the right answer is the list itself."""
    choices = json.dumps(["[0, 1]", "[1, 0]"]).replace('"', '""')
    write("d.csv", f'q,c,a\nwhat,"{choices}","[1, 0]"\n')
    suite = qa({"file": "d.csv", "choices": "c"}, task="multiple-choice")
    assert load_data(suite).samples[0].targets == ("[1, 0]",)


def test_more_choices_than_letters() -> None:
    many = [f"choice {i}" for i in range(30)]
    [sample] = choose([{"c": many, "t": "AB"}])
    assert sample.targets == ("choice 27",)


def test_choices_in_columns_and_in_csv(write: Write) -> None:
    row = {"x": "one", "y": 2, "z": None, "t": "B"}
    assert choose([row], ["x", "y", "z"])[0].choices == ("one", "2")
    write("d.csv", 'q,c,a\nwho,"[""x"", ""y""]",B\n')
    suite = qa({"file": "d.csv", "choices": "c"}, task="multiple-choice")
    [sample] = load_data(suite).samples
    assert (sample.choices, sample.targets) == (("x", "y"), ("y",))


def test_a_project_keeps_its_suites_inside(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("q,a\n1,1\n")
    (project / "link.csv").symlink_to(outside)
    for name in ("../secret.csv", str(outside), "link.csv", "x/../../secret.csv"):
        [message] = problems({"file": name})
        assert "is outside the project" in message
    suite = {"task": "qa", "data": {"file": "../secret.csv", "target": "a"}, "prompt": "{{ q }}"}
    assert len(load_data(load_suite(suite, allow_outside=True))) == 1
    with pytest.raises(SpecError, match=r"no such file 'd\.csv' in "):
        read({"file": "d.csv"}, root=tmp_path)
    assert len(read({"file": "secret.csv"}, root=tmp_path)) == 1


def test_a_missing_file_names_the_nearest(write: Write) -> None:
    write("data/reviews.csv", "q,a\n1,1\n")
    assert "did you mean 'data/reviews.csv'?" in problems({"file": "data/review.csv"})[0]
    assert "the folder 'dta' does not exist" in problems({"file": "dta/reviews.csv"})[0]
    assert "'data' is a folder" in problems({"file": "data"})[0]


def test_a_file_that_cannot_be_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("d.jsonl", "{}")

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    found = problems({"file": "d.jsonl"})
    assert found == ["<suite>: data.file: 'd.jsonl' cannot be read: Permission denied"]


def test_what_is_no_parquet_file(write: Write) -> None:
    pytest.importorskip("pyarrow")
    write("d.parquet", "PAR")
    assert problems({"file": "d.parquet"})[0].startswith("d.parquet: is not a parquet file: ")


def test_parquet_without_pyarrow(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("d.parquet", "")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert 'pip install "pytest-evalkit[parquet]"' in problems({"file": "d.parquet"})[0]


def test_values_of_typed_tables_become_json_values() -> None:
    import datetime
    import decimal

    value = [float("nan"), datetime.date(2026, 1, 2), decimal.Decimal("1.5"), b"ab", {1: (2,)}]
    assert plain(value) == [None, "2026-01-02", "1.5", "<2 bytes>", {"1": [2]}]
    assert plain(value) == read({"rows": [{"a": "x", "v": value}]}).samples[0].fields["v"]


def test_rows_of_a_data_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"q": ["x", None], "a": [1, 2], "n": [0.5, float("nan")]})
    samples = read({"rows": frame.to_dict("records")}).samples
    assert [s.targets for s in samples] == [("1",), ("2",)]
    assert samples[1].fields["n"] is None
    assert type(plain(frame["a"].to_numpy()[0])) is int


class _Hub(types.ModuleType):
    """A stand-in for the library `datasets`, which needs a network."""

    class ClassLabel:
        def int2str(self, value: int) -> str:
            return ["neg", "pos"][value]

    class Split(list[dict[str, Any]]):
        features: dict[str, Any]

    def __init__(self) -> None:
        super().__init__("datasets")
        self.calls: list[tuple[Any, ...]] = []

    def load_dataset(self, path: str, name: str | None, *, split: str | None, revision: Any) -> Any:
        self.calls.append((path, name, split, revision))
        if path == "org/none":
            raise FileNotFoundError("no such dataset")
        data = self.Split([{"q": "x", "a": 1}, {"q": "y", "a": 0}])
        data.features = {"q": object(), "a": self.ClassLabel()}
        return data if split else {"train": data, "test": data}


def test_hub_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = _Hub()
    monkeypatch.setitem(sys.modules, "datasets", hub)
    dataset = read({"hf": "org/x", "split": "test", "name": "en", "revision": "abc"})
    assert hub.calls == [("org/x", "en", "test", "abc")]
    assert [s.targets for s in dataset] == [("pos",), ("neg",)], "class labels by name"
    assert "add 'split:' (known: train, test)" in problems({"hf": "org/x"})[0]
    assert "FileNotFoundError: no such dataset" in problems({"hf": "org/none", "split": "x"})[0]
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert 'pip install "pytest-evalkit[datasets]"' in problems({"hf": "org/x", "split": "t"})[0]


def numbered(count: int, hash_: str = "") -> Dataset:
    samples = tuple(Sample(str(i), i, {"x": i}, ()) for i in range(count))
    return Dataset(samples, ("x",), hash_, count)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 5))
def test_taking_is_seeded_ordered_and_nested(count: int, few: int, many: int, seed: int) -> None:
    few, many = sorted((few, many))
    dataset = numbered(count)
    small, large = dataset.take(few, seed), dataset.take(many, seed)
    assert len(small) == min(few, count)
    assert small.total == count
    assert [s.index for s in small] == sorted(s.index for s in small)
    assert {s.id for s in small} <= {s.id for s in large}
    assert small == dataset.take(few, seed)


def test_taking_is_random_and_depends_on_the_seed() -> None:
    taken = {tuple(s.index for s in numbered(1000).take(10, seed)) for seed in range(20)}
    assert len(taken) == 20
    mean = sum(sum(indices) for indices in taken) / 200
    assert 400 < mean < 600, "spread over the data: 500 expected, standard error 20"
    assert numbered(5).take(None) == numbered(5)


def test_the_hash_is_of_the_content(write: Write) -> None:
    rows = [{"q": "1", "a": "1"}, {"q": "2", "a": "2"}]
    changed = [{"q": "1", "a": "1"}, {"q": "2", "a": "3"}]
    assert read({"rows": rows}).hash == read({"rows": list(rows)}).hash
    assert read({"rows": rows}).hash != read({"rows": changed}).hash


def test_every_row_has_its_source(project: Path) -> None:
    rows = [{"q": "x", "a": "y", "s": "text"}, {"q": "x", "a": "y"}, {"q": "x", "a": "y", "s": " "}]
    (project / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    message = "the source is missing (column 's')"
    found = problems({"file": "data.jsonl", "source": "s"})
    assert found == [f"data.jsonl:2: {message}", f"data.jsonl:3: {message}"]


def test_a_parquet_file_with_two_columns_of_one_name(project: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table([["x"], ["y"], ["z"]], names=["q", "a", "a"])
    pytest.importorskip("pyarrow.parquet").write_table(table, project / "d.parquet")
    found = problems({"file": "d.parquet"})
    assert found == ["d.parquet: two columns are called 'a'; rename one"]


BROKEN_ROWS = [
    {"id": "x", "q": 1, "a": "y"},
    {"id": "z", "q": 2, "a": None},
    {"id": "x", "q": 3, "a": "y"},
]


def test_a_problem_of_a_row_in_a_dict_names_the_row() -> None:
    assert problems({"rows": BROKEN_ROWS}) == [
        "<suite>: data.rows[1]: the target is missing (column 'a')",
        "<suite>: data.rows[2]: the id 'x' is already used in data.rows[0]; ids must be unique",
    ]
    many = problems({"rows": [{"q": i, "a": ""} for i in range(20)]})
    assert [line.split(":")[1] for line in many] == [f" data.rows[{i}]" for i in range(10)]


def test_a_problem_of_an_inline_row_names_its_line_and_the_row(write: Write) -> None:
    write(
        "s.eval.yaml",
        """\
        task: qa
        data:
          target: a
          rows:
            - {id: x, q: 1, a: y}
            - {id: z, q: 2, a: ""}
            - id: x
              q: 3
              a: y
        prompts:
          p:
            user: "{{ q }}"
            shots: {rows: [{q: 4, a: z}, {q: 5}], count: 1}
        """,
    )
    with pytest.raises(SpecError) as caught:
        load_checked("s.eval.yaml")
    assert [str(problem) for problem in caught.value.problems] == [
        "s.eval.yaml:6: data.rows[1]: the target is missing (column 'a')",
        "s.eval.yaml:7: data.rows[2]: the id 'x' is already used in data.rows[0]; ids must be "
        "unique",
        "s.eval.yaml:13: prompts.p.shots.rows[1]: the target is missing (column 'a')",
    ]


def test_a_problem_of_a_row_of_a_dataframe_names_its_index() -> None:
    frame = pandas.DataFrame(BROKEN_ROWS)
    assert problems({"rows": frame})[0].startswith("<suite>: data.rows[1]: the target is missing")
    frame.index = pandas.Index(["first", "second", "third"])
    assert problems({"rows": frame}) == [
        "<suite>: data.rows[1] (second): the target is missing (column 'a')",
        "<suite>: data.rows[2] (third): the id 'x' is already used in data.rows[0] (first); ids "
        "must be unique",
    ]
    kept = pandas.DataFrame(BROKEN_ROWS).iloc[1:]
    assert problems({"rows": kept}) == [
        "<suite>: data.rows[0] (1): the target is missing (column 'a')"
    ]


@pytest.mark.parametrize("names", [["q", "a", "a"], ["a", 1, "1"]])
def test_a_dataframe_with_two_columns_of_one_name_is_refused(names: list[Any]) -> None:
    frame = pandas.DataFrame([["x", "y", "z"]], columns=names)
    twice = names[-1]
    assert problems({"rows": frame}) == [
        f"<suite>: data.rows: two columns of the DataFrame are called '{twice}'; rename one"
    ]


def test_examples_may_be_a_dataframe() -> None:
    frame = pandas.DataFrame({"q": ["one", "two"], "a": ["1", float("nan")]})
    prompts = {"p": {"user": "{{ q }}", "shots": {"rows": frame}}}
    suite = {"task": "qa", "data": {"rows": [{"q": "x", "a": "y"}], "target": "a"}}
    with pytest.raises(SpecError) as caught:
        load_checked({**suite, "prompts": prompts})
    (problem,) = caught.value.problems
    assert str(problem).startswith("<suite>: prompts.p.shots.rows[1]: the target is missing")
    frame.loc[1, "a"] = "2"
    loaded = load_checked({**suite, "prompts": prompts})
    assert len(loaded.variants["p"].render(loaded.dataset.samples[0])) == 5


def test_arrays_of_numpy_are_lists() -> None:
    (sample,) = read({"rows": [{"q": numpy.array([1, 2]), "a": numpy.array(["x", "y"])}]})
    assert sample.fields["q"] == [1, 2]
    assert sample.targets == ("x", "y")
    frame = pandas.DataFrame({"q": ["u"], "a": [numpy.array(["x", "y"])]})
    assert read({"rows": frame}).samples[0].targets == ("x", "y")
