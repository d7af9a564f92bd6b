"""Tables of a run, read back with other readers than wrote them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.api import Run
from evalkit.cli import main
from evalkit.errors import UsageError
from evalkit.exchange import Status
from evalkit.messages import Message
from evalkit.records import RunRecord
from evalkit.records.judgments import Judgment, Reply
from evalkit.written.printable import encodable

from ..samples import changed


@pytest.fixture
def rows(run: RunRecord) -> int:
    return sum(len(cell.samples) for cell in run.cells)


def test_csv_has_a_row_per_sample_and_survives_any_text(
    run: RunRecord, rows: int, tmp_path: Path
) -> None:
    Run(run).export(tmp_path / "new" / "samples.csv")
    with (tmp_path / "new" / "samples.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert len(read) == rows
    samples = [sample for cell in run.cells for sample in cell.samples]
    assert [row["id"] for row in read] == [sample.id for sample in samples]
    assert json.loads(read[0]["targets"]) == samples[0].targets
    for row, sample in zip(read, samples, strict=True):
        assert row["output"] == encodable(sample.output)


def test_parquet(run: RunRecord, rows: int, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for what in ("samples", "scores", "gates"):
        Run(run).export(tmp_path / f"{what}.parquet", what)
    read = parquet.read_table(tmp_path / "samples.parquet").to_pylist()
    assert len(read) == rows
    assert read[0]["correct"] is run.cells[0].samples[0].correct
    scores = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    assert scores[0]["value"] == run.cells[0].scores["accuracy"].value


def test_json_has_no_constants(run: RunRecord, tmp_path: Path) -> None:
    Run(run).export(tmp_path / "scores.json", "scores")
    text = (tmp_path / "scores.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert "Infinity" not in text
    read = json.loads(text)
    assert len(read) == sum(len(cell.scores) for cell in run.cells)
    assert {"suite", "model", "prompt", "score", "value", "low", "high", "n"} <= set(read[0])


def test_judgments(run: RunRecord, tmp_path: Path) -> None:
    assert Run(run).judgments.empty
    cell = run.cells[0]
    asked = (Message("user", "How clear?"),)
    grade = Judgment("clarity", "j", Reply(Status.OK, "4", 4.0, {"4": 1.0}, 1.0), prompt=asked)
    lost = Judgment("clarity", "k", Reply(Status.UNPARSED), prompt=asked)
    changed(cell.samples[1], judgments=(grade, lost))
    Run(run).export(tmp_path / "judgments.csv", "judgments")
    with (tmp_path / "judgments.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["model"], first["prompt"]) == (cell.model, cell.prompt)
    assert (first["id"], first["judge"], first["value"]) == (cell.samples[1].id, "j", "4.0")
    assert json.loads(first["asked"]) == [{"role": "user", "content": "How clear?"}]
    assert json.loads(first["probabilities"]) == {"4": 1.0}
    assert (second["judge"], second["value"], second["probabilities"]) == ("k", "", "")


def test_unwritable_exports_are_errors(run: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ending in \.csv, \.parquet, \.json"):
        Run(run).export(tmp_path / "samples.xlsx")
    with pytest.raises(UsageError, match="did you mean 'scores'"):
        Run(run).export(tmp_path / "samples.csv", "score")


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evalkit import evaluate

    monkeypatch.chdir(tmp_path)
    declared = {"suite": "s", "task": "qa", "data": {"target": "a", "rows": [{"q": "x", "a": "x"}]},
                "prompts": {"p": "{{ q }}"}, "gates": ["exact_match >= 1"]}  # fmt: skip
    done = evaluate(declared, {"echo": lambda prompt: prompt[-1]["content"]})
    assert main(["export", done.id, "-o", "gates.csv", "--what", "gates"]) == 0
    assert f"gates.csv: gates of run {done.id}" in capsys.readouterr().out
    (gate,) = csv.DictReader((tmp_path / "gates.csv").open(encoding="utf-8"))
    assert (gate["rule"], gate["verdict"]) == ("exact_match >= 1", "pass")
    assert main(["export", "-o", "samples.txt"]) == 2


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("x")', "-"]
TEXTS = [*FORMULAS, "a\rb", "a\r\nb", "a\nb", 'say "x", y', " =1", "'=1", "", "é\u2028x", "1-1"]


def hostile(run: RunRecord) -> list[str]:
    """Put the texts into the answers of the first cell; returns those that fit."""
    samples = run.cells[0].samples
    texts = (TEXTS * len(samples))[: len(samples)]
    for sample, text in zip(samples, texts, strict=True):
        changed(sample, output=text)
        sample.fields = {**sample.fields, "=cmd": text}
    return texts


def read_both(path: Path) -> tuple[list[dict[str, str]], Any]:
    """A file as csv and as pandas read it."""
    import pandas as pd

    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.mark.parametrize("raw", [False, True])
def test_no_spreadsheet_computes_a_text(run: RunRecord, tmp_path: Path, raw: bool) -> None:
    expected = [
        t if raw or not t.startswith(tuple("=+-@\t\r\n＝")) else f"'{t}" for t in hostile(run)
    ]
    Run(run).export(tmp_path / "samples.csv", raw=raw)
    for rows in (lambda pair: pair[0], lambda pair: pair[1].to_dict("records")):
        read = rows(read_both(tmp_path / "samples.csv"))
        assert [row["output"] for row in read][: len(expected)] == expected
    header = (tmp_path / "samples.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "field.=cmd" in header
    assert not any(name.startswith("=") for name in header.split(","))


def test_numbers_below_zero_stay_numbers(run: RunRecord, tmp_path: Path) -> None:
    import pandas as pd

    for score in run.cells[0].scores.values():
        score.value = -0.5
    Run(run).export(tmp_path / "scores.csv", "scores")
    assert pd.read_csv(tmp_path / "scores.csv")["value"].iloc[0] == -0.5


def test_a_lone_carriage_return_is_quoted(run: RunRecord, tmp_path: Path) -> None:
    sample = run.cells[0].samples[0]
    sample.fields = {**sample.fields, "x": "a\rb"}
    Run(run).export(tmp_path / "samples.csv")
    assert b'"a\rb"' in (tmp_path / "samples.csv").read_bytes()
