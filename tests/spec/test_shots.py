"""Worked examples: which ones a sample gets, and how they are written."""

from __future__ import annotations

import sys
import types
from typing import Any, ClassVar

import pytest

from evalkit.errors import SpecError
from evalkit.messages import Message
from evalkit.spec.load import LoadedSuite, load_checked
from evalkit.spec.prompts import Variant, continuations, options
from tests.spec.conftest import Write
from tests.spec.prompting import ROWS, SHOT_ROWS, SUBJECTS, first, loaded, reason, with_shots


def test_shots_are_pairs_of_user_and_assistant() -> None:
    shots = {"rows": [{"text": "x", "label": "good"}, {"text": "y", "label": "bad"}]}
    found = first(loaded({"system": "s", "shots": shots, "user": "T: {{ text }}"}))
    assert [(message.role, message.content) for message in found] == [
        ("system", "s"),
        ("user", "T: x"),
        ("assistant", "good"),
        ("user", "T: y"),
        ("assistant", "bad"),
        ("user", "T: fine film"),
    ]


def test_shots_of_a_conversation_repeat_all_its_turns() -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "ready?"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "{{ text }}"},
    ]
    shots = {"rows": [{"text": "x", "label": "good"}]}
    found = first(loaded({"messages": turns, "shots": shots}))
    contents = ["s", "ready?", "yes", "x", "good", "ready?", "yes"]
    assert [message.content for message in found] == [*contents, "fine film"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ({"text": "R: {{ text }}\nL:"}, "R: x\nL: good\n\nR: y\nL: bad\n\nR: fine film\nL:"),
        ({"text": "{{ text }}\n"}, "x\ngood\n\ny\nbad\n\nfine film\n"),
    ],
)
def test_shots_of_a_raw_text(prompt: dict[str, Any], expected: str) -> None:
    shots = {"rows": [{"text": "x", "label": "good"}, {"text": "y", "label": "bad"}]}
    assert first(loaded({**prompt, "shots": shots})) == expected


def test_shots_show_what_the_model_should_write() -> None:
    labels = {"good": ["positive", "pos"], "bad": ["negative"]}
    shots = {"rows": [{"text": "x", "label": "bad"}]}
    found = loaded(
        {"shots": shots, "user": "{{ text }} ({{ labels | join(', ') }})"}, labels=labels
    )
    prompt = first(found)
    assert prompt[0].content == "x (positive, negative)"
    assert prompt[1].content == "negative"
    assert continuations(found.suite, found.dataset.samples[0]) == ("positive", "negative")
    assert options(found.suite, found.dataset.samples[0]) == ("good", "bad")


def shot_texts(variant: Variant, found: LoadedSuite, index: int = 0) -> list[str]:
    """The user texts of the examples that a sample gets."""
    prompt = variant.render(found.dataset.samples[index])
    return [m.content for m in prompt if isinstance(m, Message) and m.role == "user"][:-1]


def test_the_first_ones_or_a_seeded_choice() -> None:
    found, variant = with_shots({"rows": SHOT_ROWS, "count": 3})
    assert shot_texts(variant, found) == ["t0", "t1", "t2"]
    chosen = []
    for seed in range(5):
        found, variant = with_shots({"rows": SHOT_ROWS, "count": 3, "seed": seed})
        chosen.append(tuple(shot_texts(variant, found)))
        again = with_shots({"rows": SHOT_ROWS, "count": 3, "seed": seed})
        assert tuple(shot_texts(again[1], again[0])) == chosen[-1]
    assert len(set(chosen)) == 5


def test_balanced_shots_take_turns() -> None:
    found, variant = with_shots({"rows": SHOT_ROWS, "count": 5, "balanced": True})
    assert shot_texts(variant, found) == ["t0", "t6", "t1", "t7", "t2"]
    found, variant = with_shots({"rows": SHOT_ROWS, "count": 12, "balanced": True, "seed": 4})
    labels = [m.content for m in first(found) if m.role == "assistant"]
    assert labels == ["good", "bad"] * 6


def test_shots_from_the_data_exclude_the_sample() -> None:
    found, variant = with_shots({"from": "data", "count": 3, "balanced": True, "seed": 2})
    prompts = [shot_texts(variant, found, i) for i in range(len(ROWS))]
    usual = max(prompts, key=prompts.count)
    assert prompts.count(usual) == 3, "every sample that is no example has the same ones"
    for i, row in enumerate(ROWS):
        texts = prompts[i]
        assert len(texts) == 3
        assert len(set(texts)) == 3
        assert row["text"] not in texts
        if row["text"] in usual:
            assert [a for a, b in zip(texts, usual, strict=True) if b != row["text"]] == [
                text for text in usual if text != row["text"]
            ], "only the sample's own place is taken by another"
            own = usual.index(row["text"])
            by_text = {r["text"]: r["label"] for r in ROWS}
            assert by_text[texts[own]] == row["label"], "one of the same label"


def test_a_sample_equal_to_a_shot_gets_another_shot() -> None:
    rows = [{"text": "  Fine   FILM ", "label": "good"}, {"text": "new", "label": "good"}]
    found, variant = with_shots({"rows": rows, "count": 1})
    assert shot_texts(variant, found, 0) == ["new"]
    assert shot_texts(variant, found, 1) == ["  Fine   FILM "]


def test_row_numbers_are_not_ids_across_files(write: Write) -> None:
    """Sample "1" of the data is not the example "1" of another file."""
    write("shots.csv", "text,label\nother,good\nmore,bad\n")
    found, variant = with_shots({"file": "shots.csv", "count": 2})
    assert shot_texts(variant, found) == ["other", "more"]


def test_the_same_explicit_id_is_the_same_sample(write: Write) -> None:
    write("shots.csv", "key,text,label\nk0,edited,good\nz,more,bad\n")
    rows = [{"key": f"k{i}", **row} for i, row in enumerate(ROWS)]
    data = {"rows": rows, "target": "label", "id": "key"}
    found, variant = with_shots({"file": "shots.csv", "count": 1}, data=data)
    assert shot_texts(variant, found, 0) == ["more"]
    assert shot_texts(variant, found, 1) == ["edited"]


@pytest.mark.parametrize(
    ("shots", "expected"),
    [
        ({"rows": SHOT_ROWS[:2], "count": 3}, "'count: 3' is more than the 2 rows"),
        ({"from": "data", "count": 7}, "asks for 7 examples, but there are only 6"),
        ({"from": "data", "count": 6}, "is itself one of the 6 examples"),
        ({"rows": [ROWS[3]]}, "sample '4' is itself one of the 1 examples"),
        ({"rows": [{"txt": 1, "label": "good"}]}, "unknown column 'text'; did you mean 'txt'?"),
        ({"rows": [{"text": 1, "label": "fine"}]}, "the target 'fine' is not a label"),
        ({"rows": [{"text": 1}]}, "unknown column 'label' (known: text)"),
        ({"rows": [{"text": 1, "label": ""}]}, "the target is missing"),
        ({"file": "none.csv", "count": 1}, "no such file 'none.csv'"),
        ({"file": "none.csv"}, "no number of examples: add 'count:', e.g. 'count: 5'"),
        ({"rows": SHOT_ROWS, "file": "x.csv"}, "file, rows exclude each other; keep one"),
        ({"rows": []}, "'rows' is empty"),
        ({"count": 3}, "no source of examples"),
        ({"split": "dev", "count": 1}, "'split' needs a suite with an 'hf:' dataset"),
        ({"rows": SHOT_ROWS[:3], "balanced": True}, "no example has the label 'bad'"),
        (
            {"rows": SHOT_ROWS, "count": 1, "balanced": True},
            "'balanced' needs at least one example for each of the 2",
        ),
        ({"rows": SHOT_ROWS, "assistant": "{{ answer }}"}, "unknown variable 'answer'"),
    ],
)
def test_invalid_shots_are_errors(shots: dict[str, Any], expected: str, project: Any) -> None:
    assert expected in reason({"shots": shots, "user": "{{ text }}"})


def by_subject(data_rows: list[dict[str, Any]], **shots: Any) -> LoadedSuite:
    data = {"rows": data_rows, "target": "a"}
    prompt = {"shots": {"match": "subject", **shots}, "user": "{{ q }}"}
    return load_checked({"task": "qa", "data": data, "prompts": {"p": prompt}})


def test_matched_shots_share_the_samples_value() -> None:
    rows = [{"q": f"{s}?", "a": "y", "subject": s} for s in ("law", "art", "law")]
    found = by_subject(rows, rows=SUBJECTS, count=2)
    variant = found.variants["p"]
    assert [shot_texts(variant, found, i) for i in range(3)] == [
        ["law0", "law1"],
        ["art0", "art1"],
        ["law0", "law1"],
    ]
    assert "[shots]\n2 from the suite of the same subject\n" in variant.template_text
    changed = [{**row, "q": row["q"].replace("law0", "law9")} for row in SUBJECTS]
    assert by_subject(rows, rows=changed, count=2).variants["p"].hash != variant.hash
    every = by_subject(rows, rows=SUBJECTS)
    assert shot_texts(every.variants["p"], every, 1) == ["art0", "art1", "art2"]


def test_matched_shots_from_the_data_exclude_the_sample() -> None:
    found = by_subject(SUBJECTS, **{"from": "data", "count": 2})
    for i, row in enumerate(SUBJECTS):
        others = {r["q"] for r in SUBJECTS if r["subject"] == row["subject"]} - {row["q"]}
        assert set(shot_texts(found.variants["p"], found, i)) == others


@pytest.mark.parametrize(
    ("shots", "expected"),
    [
        (
            {"rows": SUBJECTS[:3]},
            "prompts.p.shots.match: no example has subject 'law', but 2 of the samples do",
        ),
        (
            {"rows": SUBJECTS[:4], "count": 2},
            "shots.count: asks for 2 examples, but there is only 1 with subject 'law'",
        ),
        ({"rows": SUBJECTS, "match": "subjct"}, "unknown column 'subjct'; did you mean 'subject'?"),
        ({"rows": [{"q": "x", "a": "y"}]}, "unknown column 'subject' (known: q, a)"),
    ],
)
def test_invalid_matched_shots_are_errors(shots: dict[str, Any], expected: str) -> None:
    rows = [{"q": f"{s}?", "a": "y", "subject": s} for s in ("law", "art", "law")]
    with pytest.raises(SpecError) as caught:
        by_subject(rows, **shots)
    assert expected in str(caught.value)


def test_shots_from_another_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 1 of one split is not row 1 of another, though a column numbers both."""
    splits = {
        "dev": [{"idx": i, "q": f"dev{i}", "a": "x"} for i in range(3)],
        "test": [{"idx": i, "q": f"test{i}", "a": "y"} for i in range(2)],
    }

    class Rows(list[dict[str, Any]]):
        features: ClassVar[dict[str, Any]] = {}

    hub = types.ModuleType("datasets")
    hub.load_dataset = lambda *_, split, **__: Rows(splits[split])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", hub)
    suite = {
        "task": "qa",
        "data": {"hf": "org/x", "split": "test", "target": "a", "id": "idx"},
        "prompts": {"p": {"user": "{{ q }}", "shots": {"split": "dev", "count": 2}}},
    }
    found = load_checked(suite)
    assert shot_texts(found.variants["p"], found, 0) == ["dev0", "dev1"]
    own = {"user": "{{ q }}", "shots": {"split": "test", "count": 1}}
    found = load_checked({**suite, "prompts": {"p": own}})
    assert [shot_texts(found.variants["p"], found, i) for i in range(2)] == [["test1"], ["test0"]]
    assert found.doubts == ()
    splits["dev"] = [{"idx": 7, "q": "dev7", "a": "x"}, {"idx": 8, "q": "TEST1", "a": "y"}]
    found = load_checked(suite)
    assert [shot_texts(found.variants["p"], found, i) for i in range(2)] == [
        ["dev7", "TEST1"],
        ["dev7"],
    ]
    (doubt,) = found.doubts
    assert str(doubt).startswith(
        "<suite>: prompts.p.shots: 1 sample is itself an example and gets fewer examples than"
    )
    assert "(first: '1')" in doubt.message


A, B, C = ({"q": q, "a": a} for q, a in (("one", "1"), ("two", "2"), ("three", "3")))


A_AGAIN = {"q": " One", "a": "1"}
TAKEN = "is itself one of the 2 examples"


@pytest.mark.parametrize(
    ("rows", "shots", "expected"),
    [
        ([A], {"from": "data", "count": 2}, "asks for 2 examples, but there is only 1"),
        ([A, B, A_AGAIN], {"from": "data", "count": 2}, TAKEN),
        (
            [A, A_AGAIN, A],
            {"from": "data", "count": 2},
            "there is only 1 without duplicates (3 with",
        ),
        ([A, B], {"rows": [C, A, A_AGAIN], "count": 2}, TAKEN),
        ([A, B], {"rows": [C, C], "count": 2}, "there is only 1 without duplicates (2 with them)"),
    ],
)
def test_an_impossible_count_is_rejected(
    rows: list[dict[str, Any]], shots: dict[str, Any], expected: str
) -> None:
    prompts = {"p": {"user": "{{ q }}", "shots": shots}}
    suite = {"task": "qa", "data": {"rows": rows, "target": "a"}, "prompts": prompts}
    with pytest.raises(SpecError) as caught:
        load_checked(suite)
    assert "prompts.p.shots.count: " in str(caught.value)
    assert expected in str(caught.value)


def test_duplicate_shots_are_skipped_if_others_exist() -> None:
    shots = {"rows": [C, C, {"q": "four", "a": "4"}, A], "count": 2}
    prompts = {"p": {"user": "{{ q }}", "shots": shots}}
    found = load_checked(
        {"task": "qa", "data": {"rows": [A, B], "target": "a"}, "prompts": prompts}
    )
    assert shot_texts(found.variants["p"], found, 1) == ["three", "four"]
