"""Records that do not have the types that they declare are refused; the others are not slow."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.exchange import Status
from evalkit.messages import ContentPart, Message, ToolCall
from evalkit.passages import Passage
from evalkit.provenance import Checkout, Hardware, Provenance
from evalkit.records import (
    Answer,
    CellRecord,
    CheckRecord,
    Choices,
    CodeRun,
    GateRecord,
    Kept,
    Likelihood,
    ModelRecord,
    RunRecord,
    SampleRecord,
    ScoreRecord,
    SuiteRecord,
    shape,
)
from evalkit.records.analyses import ClassificationReport, ConfusionMatrix, LabelRow
from evalkit.records.judgments import ByCriterion, Category, Judgment, Pair, Reply
from evalkit.records.shape import check_shape


def an_answer() -> Answer:
    """An answer with a value in every field."""
    reply = Reply(Status.OK, "4", 3.5, {"4": 0.5}, 0.5, {"slips": ("a",)}, "no")
    picture = Message("user", (ContentPart("text", "q"), ContentPart("image_url", "data:x")))
    call = ToolCall("1", "weather", "{}")
    return Answer(
        "x", "x", "how", "ok", "", True, {"share": 1.0}, "hm", False, {"a": 1},
        Choices(("A",), ("a",), (-1.0,)), Likelihood(-3.0, 2, 5), ("x",), CodeRun(True), False,
        (CheckRecord("json: true", False, "no"),),
        (
            Judgment("good", "j", reply, Category(), Pair("m/p", "A"), prompt=(picture,)),
            Judgment("good", "j", reply, ByCriterion("clear"), prompt="q"),
            Judgment("good", "j", reply),
        ),
        "<x>", False, 0.5, 1, 2, "stop", (Passage("1", "t", 0.5), Passage("2")), (call,),
        (Message("assistant", "", (call,), "1", "n"),), 0.1, {"margin": [None]},
    )  # fmt: skip


def a_sample() -> SampleRecord:
    prompt = (Message("user", "q"),)
    kept = Kept("d", {"f1": (1.0, None)})
    return SampleRecord("1", 0, {"q": None}, ["x"], prompt, [an_answer()], {"f1": 1.0}, 0, kept)


def a_run() -> RunRecord:
    matrix = ConfusionMatrix(("a",), ((1,),))
    report = ClassificationReport((LabelRow("a", 1.0, None, 0.5, 2),))
    score = ScoreRecord("f1", 1.0, None, 1, 3)
    gate = GateRecord("r", "pass", "f1", ">=", 0.5, 1.0, None, None, 0.5, 3, None, "why")
    cell = CellRecord(
        "s", "m", "p", "qa", 1, 1, {"ok": 1}, {"f1": score}, [gate], [matrix, report], [a_sample()]
    )
    source = Provenance("1", "3", {"numpy": "2"}, "x", Hardware("x", "y", 2, 8.0), Checkout("c"))
    suite = SuiteRecord({"suite": "s"}, "s.yaml", "h", "d", 1, None, {"p": "t"}, judges={"g": []})
    model = ModelRecord("m", "callable", {}, {"v": 1}, {}, peak_memory={"process": 1})
    return RunRecord("r", "t", None, "running", source, {"s": suite}, {"m": model}, [cell], ["n"])


def by_pydantic(record: Any) -> str:
    """What pydantic says of a record: the first fault, or ""."""
    try:
        shape._validate([record], type(record))
    except ValueError as error:
        return str(error)
    return ""


def by_us(record: Any) -> str:
    try:
        check_shape([record], type(record))
    except ValueError as error:
        return str(error)
    return ""


def test_records_of_the_declared_types_need_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape, "_validate", lambda records, kind: pytest.fail("pydantic"))
    check_shape([a_run()], RunRecord)
    check_shape([a_sample(), replace(a_sample(), prompt="q", kept=None)], SampleRecord)


hostile = st.sampled_from(
    [
        None, "", "x", 0, 1, True, 0.5, float("nan"), b"x", [], ["x"], [1], (), ("x",), ((),), {},
        {"x": "y"}, {"x": 1}, {"x": None}, {1: "x"}, {"x": {}}, [{}], Status.OK, Message("user"),
        Message(1, 2), (Message("user", 1),), (Message("user", (Passage("1"),)),),  # type: ignore[arg-type]
        [Passage("1", "t", "0.5")], (Passage("1", "t", "0.5"),), Choices("ab", "ab", (1.0,)),  # type: ignore[arg-type]
        Choices(("a",), ("a",), ("b",)), Likelihood(-1, 2, 3), Likelihood("a", 2.5, 3),  # type: ignore[arg-type]
        CodeRun("no"), CodeRun(True, None), (-1.0, 2, 5), [an_answer()],  # type: ignore[arg-type]
        [replace(an_answer(), seconds="1")], [replace(an_answer(), scores={"a": None})],  # type: ignore[arg-type, dict-item]
        {"f1": ScoreRecord("f1", "1", None, None, 1)},  # type: ignore[arg-type]
        {"f1": ScoreRecord("f1", 1.0, None, None, 1, no_value="lost")},  # type: ignore[arg-type]
        [ConfusionMatrix(("a",), (("1",),))], [ClassificationReport((1,))], [a_sample()],  # type: ignore[arg-type]
        (Judgment("g", "j", Reply("ok")),), (Judgment("g", "j", Reply(Status.OK), Passage("1")),),  # type: ignore[arg-type]
        Hardware(cores="2"), Provenance(libraries={"a": 1}), SampleRecord,  # type: ignore[arg-type, dict-item]
    ]
)  # fmt: skip


@pytest.mark.parametrize("record", [an_answer(), a_sample(), a_run(), a_run().cells[0]], ids=type)
@given(data=st.data())
def test_a_value_of_another_type_is_refused_as_pydantic_refuses_it(
    record: Any, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([field.name for field in fields(record)]))
    changed = replace(record, **{name: data.draw(hostile)})
    assert by_us(changed) == by_pydantic(changed)


def test_the_first_fault_is_named() -> None:
    wrong = replace(a_sample(), answers=[an_answer(), replace(an_answer(), seconds="long")])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^answers\.1\.seconds: .* valid number"):
        check_shape([a_sample(), wrong], SampleRecord)
