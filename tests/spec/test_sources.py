"""Rows from a file, a list, a data frame or the hub, each with its location."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest

from evalkit.errors import SpecError
from evalkit.spec.load import load_checked
from evalkit.spec.values import plain
from tests.spec.conftest import Write
from tests.spec.reading import problems, read


def test_rows_of_a_data_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"q": ["x", None], "a": [1, 2], "n": [0.5, float("nan")]})
    samples = read({"rows": frame.to_dict("records")}).samples
    assert [s.targets for s in samples] == [("1",), ("2",)]
    assert samples[1].fields["n"] is None
    assert type(plain(frame["a"].to_numpy()[0])) is int


def test_every_row_has_its_source(project: Path) -> None:
    rows = [{"q": "x", "a": "y", "s": "text"}, {"q": "x", "a": "y"}, {"q": "x", "a": "y", "s": " "}]
    (project / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    message = "the source is missing (column 's')"
    found = problems({"file": "data.jsonl", "source": "s"})
    assert found == [f"data.jsonl:2: {message}", f"data.jsonl:3: {message}"]


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
