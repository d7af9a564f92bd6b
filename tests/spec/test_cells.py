"""Lists in cells of csv and tsv: JSON and Python are parsed, malformed lists are rejected, and
texts that begin with a bracket stay texts."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import SpecError
from evalkit.judging.calibration_labels import read_labels
from evalkit.judging.load import known_rubrics, load_rubric
from evalkit.spec.cells import NoListError, read_list
from evalkit.spec.load import load_checked, load_suite

from .loading import load_data

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(plain))
def test_lists_written_by_python_and_json_are_parsed(values: list[Any]) -> None:
    assert read_list(repr(values)) == values
    assert read_list(str(tuple(values))) == values
    assert read_list(json.dumps(values)) == values
    assert read_list(json.dumps(values, ensure_ascii=False, indent=1)) == values


@given(st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=5))
def test_numpy_arrays_of_texts_are_rejected(texts: list[str]) -> None:
    with pytest.raises(NoListError):
        read_list(str(np.array(texts, dtype=object)))


REFUSED = [
    ("['a' 'b']", "without a comma, as NumPy prints arrays"),
    ("['a'\n 'b']", "without a comma, as NumPy prints arrays"),
    ("[1 2 3]", "without a comma"),
    ("[['a' 'b']\n ['c' 'd']]", "without a comma"),
    ("['a', nan]", "nan is not a text, number, None, True or False"),
    ("[nan, 'a']", "nan is no"),
    ('["a", NaN]', "NaN is not a value"),
    ("['Paris', 'City of", "the quote before City of is never closed"),
    ("['Paris', ", "the list is never closed"),
    ("['Paris'", "the list is never closed"),
    ("[Paris, City of Paris]", "Paris is not a text"),
    ("['a', datetime.date(2020, 1, 1)]", "datetime.date is not a text"),
    ("[Timestamp('2020-01-01')]", "Timestamp is not a text"),
    ("[np.str_('a')]", "np.str_ is not a text"),
    ("['a', {'b', 'c'}]", "a set"),
    ("{'a', 'b'}", "it is a set, not a list"),
    ("{'text': ['a'], 'answer_start': [3]}", "it is a mapping, not a list"),
    ('{"text": ["a"], "answer_start": [3]}', "it is a mapping, not a list"),
    ("{'text': array(['a'], dtype=object)}", "array is not a text"),
    ("[{'text': 'a', 'text': 'b'}]", "the key 'text' appears twice"),
    ('[{"text": "a", "text": "b"}]', "the key 'text' appears twice"),
    ("['a', b'b']", "b is not a text"),
    ("['a', f'b']", "f is not a text"),
    ("['a', ...]", "... is not a text"),
    ("['a', 'b', ..., 'y', 'z']", "... is not a text"),
    ("['a', 1_000]", "1_000 is not a text"),
    ("['a', 0x10]", "0x10 is not a text"),
    ("['a', 2020-01-01]", "2020-01-01 is not a text"),
    ("['a', --1]", "-"),
    ("['a', 1e999]", "too large"),
    ("[1e999]", "too large"),
    ("['a'] + ['b']", "+ is not a text"),
    ("['a'] * 1000000000", "* is not a text"),
    ("['a'][0]", "without a comma"),
    ("['a',, 'b']", "it is neither a JSON list nor a Python list"),
    ("['a', 'b')", "it is neither a JSON list nor a Python list"),
    ("['a' # 'b'\n, 'c']", "# is not a text"),
    ("['two\nlines']", "it is neither a JSON list nor a Python list"),
    ("('a')", "it is a str, not a list"),
    ("[" * 5000 + "]" * 5000, "nested too deeply"),
    ("[" * 200_000, "nested too deeply"),
    ("['a', " + "-" * 100_000 + "1]", "-"),
    ("[" + "'a', " * 300_000 + "]", "longer than 1,000,000 characters"),
    ("[" + "9" * 10_000 + "]", ""),
]


@pytest.mark.parametrize(("cell", "why"), REFUSED, ids=[cell[:24] for cell, _ in REFUSED])
def test_lists_of_other_values_are_rejected(cell: str, why: str) -> None:
    with pytest.raises(NoListError) as refused:
        read_list(cell)
    assert why in str(refused.value)


READ = [
    ("['Paris', 'City of Paris']", ["Paris", "City of Paris"]),
    ('["it\'s", \'say "hi"\']', ["it's", 'say "hi"']),
    ('["it\'s"]', ["it's"]),
    (r"['caf\xe9', 'a\nb', '\u2212']", ["café", "a\nb", "\u2212"]),
    ("('Paris', 'City of Paris')", ["Paris", "City of Paris"]),
    ("('Paris',)", ["Paris"]),
    (" ['a', 'b',] ", ["a", "b"]),
    ("['a, b', '[c]', '']", ["a, b", "[c]", ""]),
    ("['a', 1, -2.5, 1e3, True, None]", ["a", 1, -2.5, 1000.0, True, None]),
    ('["a", 1, -2.5, 1e3, true, null]', ["a", 1, -2.5, 1000.0, True, None]),
    ('["two\nlines"]', ["two\nlines"]),
    ("[]", []),
    ("[{'text': 'Ada', 'label': 'PER'}]", [{"text": "Ada", "label": "PER"}]),
]


@pytest.mark.parametrize(("cell", "values"), READ, ids=[cell for cell, _ in READ])
def test_lists_of_plain_values_are_parsed(cell: str, values: list[Any]) -> None:
    assert read_list(cell) == values


# in the columns of a suite


def write(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> None:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def targets(task: str, cell: str, *, suffix: str = "csv") -> tuple[str, ...]:
    """The targets from one cell of the target's column."""
    path = Path(f"d.{suffix}")
    write(path, [{"q": "x", "a": cell}], "\t" if suffix == "tsv" else ",")
    data = {"file": path.name, "target": "a"}
    suite = load_suite({"task": task, "data": data, "prompt": "{{ q }}"})
    (sample,) = load_data(suite).samples
    return sample.targets


SHORT = ("qa", "extractive-qa")
TEXTS = ("summarisation", "translation", "generation", "fill-mask", "math")


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize("task", [*SHORT, *TEXTS])
@pytest.mark.parametrize("write_list", [str, json.dumps, lambda texts: str(tuple(texts))])
@pytest.mark.usefixtures("project")
def test_a_list_is_several_answers(task: str, write_list: Any, suffix: str) -> None:
    answers = ("Paris", "City of Paris")
    assert targets(task, write_list(list(answers)), suffix=suffix) == answers


@pytest.mark.parametrize("task", [*SHORT, *TEXTS])
@pytest.mark.parametrize(
    "cell",
    ["['Paris' 'City of Paris']", "['Paris', 'City", "[nan, 'Paris']", "{'text': ['Paris']}",
     "{'Paris', 'City of Paris'}", "['Par", "[['Paris'], ['x' 'y']]",
     "['Paris', Timestamp('2020-01-01')]"],
)  # fmt: skip
@pytest.mark.usefixtures("project")
def test_malformed_lists_are_rejected_with_their_line(task: str, cell: str) -> None:
    with pytest.raises(SpecError) as refused:
        targets(task, cell)
    (problem,) = refused.value.problems
    assert str(problem).startswith("d.csv:2: column 'a': cannot read the list ")
    assert "Write it as JSON" in problem.message


@pytest.mark.parametrize("cell", ["[see note]", "[Paris, City of Paris", "{Paris}", '{"a": "b"}'])
@pytest.mark.parametrize("task", SHORT)
@pytest.mark.usefixtures("project")
def test_a_short_answer_with_a_bracket_must_be_a_list(task: str, cell: str) -> None:
    with pytest.raises(SpecError, match=r"d.csv:2: column 'a': cannot read the list"):
        targets(task, cell)
    assert targets(task, json.dumps([cell])) == (cell,), "as the message says"


TEXT = [
    "[Intro] The film begins in a harbour.",
    "[laughs] I know!",
    "{name} has {count} messages",
    "(a) the first; (b) the second",
    "[0, 1)",
    "[1, 2]",
    "{1, 2}",
    "[[1, 2], [3, 4]]",
    '["Daisy Bell" plays] Hello?',
    "('quoted' aside) And so on.",
    "[x]",
    "(555) 123-4567",
    '{"name": "Ada", "born": 1815}',
    "He said ['a' 'b'].",
]


@pytest.mark.parametrize("task", TEXTS)
@pytest.mark.parametrize("cell", TEXT)
@pytest.mark.usefixtures("project")
def test_a_text_that_begins_with_a_bracket_is_a_text(task: str, cell: str) -> None:
    assert targets(task, cell) == (cell,)


@pytest.mark.parametrize("cell", [*TEXT, "['a' 'b']", "['a', 'b']", '["a"]', "[see note]", "{'"])
@pytest.mark.parametrize("task", ["qa", "classification", "safety", "code"])
def test_other_columns_are_always_texts(project: Path, task: str, cell: str) -> None:
    answer = {"classification": "x", "safety": "refuse"}.get(task, "a")
    write(project / "d.csv", [{"q": cell, "a": answer, "t": "assert f()"}])
    data = {"file": "d.csv", "target": "a", **({"tests": "t"} if task == "code" else {})}
    labels = {"labels": ["x", "y"]} if task == "classification" else {}
    suite = load_suite({"task": task, "data": data, "prompt": "{{ q }}", **labels})
    (sample,) = load_data(suite).samples
    assert sample.fields["q"] == cell


@pytest.mark.parametrize("write_list", [str, json.dumps])
def test_choices_and_several_right_ones(project: Path, write_list: Any) -> None:
    choices = ["red", "[green]", "blue"]
    rows = [
        {"q": "1", "options": write_list(choices), "a": write_list(["red", "blue"])},
        {"q": "2", "options": write_list(choices), "a": "[green]"},
    ]
    write(project / "d.csv", rows)
    data = {"file": "d.csv", "target": "a", "choices": "options"}
    suite = load_suite({"task": "multiple-choice", "data": data, "prompt": "{{ options[1] }}"})
    first, second = load_data(suite).samples
    assert first.choices == second.choices == tuple(choices)
    assert (first.targets, second.targets) == (("red", "blue"), ("[green]",))
    rows[1]["options"] = "['red' 'blue']"
    write(project / "d.csv", rows)
    with pytest.raises(SpecError) as refused:
        load_data(suite)
    assert str(refused.value).startswith("d.csv:3: column 'options': cannot read the list")
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize("write_list", [str, json.dumps])
def test_tokens_tags_and_entities(project: Path, write_list: Any) -> None:
    tokens = ["Ada", "Lovelace", "was", "here"]
    entities = [{"text": "Ada Lovelace", "label": "PER"}]
    for target in (["B-PER", "I-PER", "O", "O"], entities):
        write(project / "d.csv", [{"w": write_list(tokens), "t": write_list(target)}])
        data = {"file": "d.csv", "tokens": "w", "target": "t"}
        suite = {"task": "token-classification", "data": data, "prompt": '{{ w | join(" ") }}'}
        loaded = load_checked(suite)
        (sample,) = loaded.dataset.samples
        assert sample.targets == ("B-PER I-PER O O",)
        (message,) = loaded.variants["default"].render(sample)
        assert getattr(message, "content", None) == "Ada Lovelace was here"
    write(project / "d.csv", [{"w": "[Intro] Ada was here", "t": "O O O B-PER O O"}])
    assert load_checked(suite).dataset.samples[0].targets == ("O O O B-PER O O",)


@pytest.mark.parametrize("write_list", [str, json.dumps])
def test_a_list_of_tests_is_not_run_as_a_list_display(project: Path, write_list: Any) -> None:
    tests = ["assert add(1, 2) == 3", 'assert add("a", "b") == "ab"']
    write(project / "d.csv", [{"q": "x", "tests": write_list(tests)}])
    data = {"file": "d.csv", "tests": "tests"}
    suite = load_suite({"task": "code", "data": data, "prompt": "{{ q }}"})
    assert load_data(suite).samples[0].fields["tests"] == tests


def test_examples_are_parsed_like_data(project: Path) -> None:
    write(project / "shots.csv", [{"q": "s", "a": "['Paris', 'City of Paris']"}])
    shots = {"file": "shots.csv", "count": 1}
    data = {"rows": [{"q": "x", "a": "y"}], "target": "a"}
    suite = {"task": "qa", "data": data, "prompts": {"p": {"user": "{{ q }}", "shots": shots}}}
    loaded = load_checked(suite)
    messages = loaded.variants["p"].render(loaded.dataset.samples[0])
    assert [getattr(m, "content", None) for m in messages] == ["s", "Paris", "x"]
    write(project / "shots.csv", [{"q": "s", "a": "['Paris' 'City of Paris']"}])
    with pytest.raises(SpecError, match=r"^shots.csv:2: column 'a': cannot read the list"):
        load_checked(suite)


def test_what_pandas_writes(project: Path) -> None:
    frame = pd.DataFrame({"q": ["x", "y"], "a": [["Paris", "City of Paris"], ["it's"]]})
    frame.to_csv("d.csv", index=False)
    data = {"file": "d.csv", "target": "a"}
    suite = load_suite({"task": "qa", "data": data, "prompt": "{{ q }}"})
    assert [s.targets for s in load_data(suite)] == [("Paris", "City of Paris"), ("it's",)]
    frame["a"] = frame["a"].map(np.array)
    frame.to_csv("d.csv", index=False)
    with pytest.raises(SpecError) as refused:
        load_data(suite)
    assert [problem.line for problem in refused.value.problems] == [2], "one text is printed alike"


def test_list_like_texts_in_typed_data_cause_a_warning(project: Path) -> None:
    rows = [{"id": "n1", "q": "x", "a": "['Paris', 'City of Paris']"}, {"q": "y", "a": ["a", "b"]}]
    (project / "d.jsonl").write_text(
        "\n".join(json.dumps({"id": f"n{i}", **row}) for i, row in enumerate(rows, 1))
    )
    for data in ({"file": "d.jsonl"}, {"rows": [{"id": "n2", **rows[1]}, rows[0]]}):
        suite = {"task": "qa", "data": {**data, "target": "a"}, "prompt": "{{ q }}"}
        (doubt,) = load_checked(suite).doubts
        assert doubt.where == "data.target"
        assert "the target of sample 'n1' is a text that looks like a list" in doubt.message


def test_lists_in_rating_files_are_parsed(project: Path) -> None:
    rubric = load_rubric(known_rubrics(project)["correctness"])
    rows = [{"prompt": "q", "target": "['a', 'b']", "output": "a", "rating": "4"}]
    write(project / "labels.csv", rows)
    (case,) = read_labels(project / "labels.csv", rubric).cases
    assert case.row["target"] == ["a", "b"]
