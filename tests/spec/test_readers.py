"""Files of every kind become rows; errors have a line."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from evalkit.spec.data import Sample
from tests.spec.conftest import Write
from tests.spec.reading import problems, read

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


def test_huge_fields_are_read_and_the_csv_module_is_left_as_it_was(write: Write) -> None:
    before = csv.field_size_limit()
    write("d.csv", f"q,a\n{'x' * 300_000},1\n")
    assert len(read({"file": "d.csv"}).samples[0].fields["q"]) == 300_000
    assert csv.field_size_limit() == before


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


def test_a_file_that_cannot_be_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("d.jsonl", "{}")

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    found = problems({"file": "d.jsonl"})
    assert found == ["<suite>: data.file: 'd.jsonl' cannot be read: Permission denied"]


def test_a_broken_parquet_file_is_an_error(write: Write) -> None:
    pytest.importorskip("pyarrow")
    write("d.parquet", "PAR")
    assert problems({"file": "d.parquet"})[0].startswith("d.parquet: is not a parquet file: ")


def test_parquet_without_pyarrow(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("d.parquet", "")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert 'pip install "pytest-evalkit[parquet]"' in problems({"file": "d.parquet"})[0]


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


def test_a_parquet_file_with_duplicate_columns_is_an_error(project: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table([["x"], ["y"], ["z"]], names=["q", "a", "a"])
    pytest.importorskip("pyarrow.parquet").write_table(table, project / "d.parquet")
    found = problems({"file": "d.parquet"})
    assert found == ["d.parquet: two columns are called 'a'; rename one"]
