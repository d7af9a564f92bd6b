"""Rows of every kind of file become samples; their problems are reported."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import SpecError
from evalkit.spec.data import Dataset, Sample
from evalkit.spec.load import load_suite
from tests.spec.conftest import Write
from tests.spec.reading import paired, problems, qa, read

from .loading import load_data


def test_json_values_keep_their_type_and_targets_become_text(write: Write) -> None:
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


def test_columns_are_the_union_over_rows(write: Write) -> None:
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


def test_a_question_without_an_answer(write: Write) -> None:
    write("d.jsonl", '{"q": 1, "a": []}\n{"q": 2, "a": ["x"]}\n{"q": 3, "a": null}\n')
    suite = qa({"file": "d.jsonl"}, task="extractive-qa")
    assert [s.targets for s in load_data(suite)] == [("",), ("x",), ("",)]


def test_missing_columns_are_errors(write: Write) -> None:
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


def test_safety_requires_refuse_or_comply() -> None:
    with pytest.raises(SpecError, match=r"'refused' is not a label; did you mean 'refuse'\?"):
        read({"rows": [{"q": 1, "a": "refused"}]}, task="safety")


def numbered(count: int, hash_: str = "") -> Dataset:
    samples = tuple(Sample(str(i), i, {"x": i}, ()) for i in range(count))
    return Dataset(samples, ("x",), hash_, count)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 5))
def test_subsets_are_seeded_ordered_and_nested(count: int, few: int, many: int, seed: int) -> None:
    few, many = sorted((few, many))
    dataset = numbered(count)
    small, large = dataset.take(few, seed), dataset.take(many, seed)
    assert len(small) == min(few, count)
    assert small.total == count
    assert [s.index for s in small] == sorted(s.index for s in small)
    assert {s.id for s in small} <= {s.id for s in large}
    assert small == dataset.take(few, seed)


def test_subsets_are_random_and_depend_on_the_seed() -> None:
    taken = {tuple(s.index for s in numbered(1000).take(10, seed)) for seed in range(20)}
    assert len(taken) == 20
    mean = sum(sum(indices) for indices in taken) / 200
    assert 400 < mean < 600, "spread over the data: 500 expected, standard error 20"
    assert numbered(5).take(None) == numbered(5)


def test_the_hash_covers_the_content(write: Write) -> None:
    rows = [{"q": "1", "a": "1"}, {"q": "2", "a": "2"}]
    changed = [{"q": "1", "a": "1"}, {"q": "2", "a": "3"}]
    assert read({"rows": rows}).hash == read({"rows": list(rows)}).hash
    assert read({"rows": rows}).hash != read({"rows": changed}).hash


def test_limits_take_pairs_whole_and_nested() -> None:
    names = [f"p{i % 50}" for i in range(100)]  # the second ones come after all the first ones
    dataset = load_data(load_suite(paired(*names)))
    before: set[str] = set()
    for limit, pairs in ((1, 1), (2, 1), (3, 1), (10, 5), (41, 20), (99, 49)):
        taken = [str(sample.fields["pair"]) for sample in dataset.take(limit)]
        assert len(taken) == pairs * 2
        assert all(taken.count(name) == 2 for name in taken)
        assert before <= set(taken)
        before = set(taken)
    assert dataset.take(100) == dataset


def test_a_pair_has_two_samples() -> None:
    with pytest.raises(SpecError) as caught:
        load_data(load_suite(paired("a", "a", "b", "c", "c", "c", "")))
    text = str(caught.value)
    assert "the pair 'b' has 1 samples; a pair has two" in text
    assert "the pair 'c' has 3 samples" in text
    assert "the pair is missing (column 'pair')" in text
