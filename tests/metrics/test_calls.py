"""Scores of calls, by hand and end to end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit import compare, evaluate, load_run
from evalkit.errors import SpecError
from evalkit.metrics import compute
from evalkit.metrics.base import Columns
from evalkit.metrics.calls import confusion
from evalkit.metrics.run import run_metric
from evalkit.metrics.weighted import weighted
from evalkit.records.analyses import ConfusionMatrix
from evalkit.reporting.analyses import confusions
from evalkit.reporting.pack import pack
from evalkit.tools import CallRules
from tests.reporting.test_pack import unpacked

WEATHER = {
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}},
        "required": ["city"],
    },
}
TIME = {"name": "time", "parameters": {"type": "object", "properties": {"city": {}}}}
PARIS = {"name": "weather", "arguments": {"city": ["Paris", "Paris, FR"]}}
ROME = {"name": "weather", "arguments": {"city": "Rome", "unit": {"optional": "celsius"}}}
ROWS = [
    {"id": "one", "q": "paris", "calls": [PARIS], "kind": "one"},
    {"id": "two", "q": "both", "calls": [PARIS, ROME], "kind": "two"},
    {"id": "none", "q": "hello", "calls": [], "kind": "none"},
    {"id": "chat", "q": "bye", "calls": [], "kind": "none"},
]


def said(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


REPLIES: dict[str, list[dict[str, Any]]] = {
    "paris": [said("weather", city="Paris, FR")],
    "both": [said("weather", city="Rome", unit="kelvin"), said("time", city="Paris")],
    "hello": [],
    "bye": [said("weather", city=5)],
}


def assistant(prompt: Any) -> dict[str, Any]:
    return {"text": "", "calls": REPLIES[prompt[-1]["content"]]}


def perfect(prompt: Any) -> dict[str, Any]:
    calls = {
        "paris": [said("weather", city="Paris")],
        "both": [said("weather", city="Rome"), said("weather", city="Paris")],
    }
    return {"text": "", "calls": calls.get(prompt[-1]["content"], [])}


def suite(**more: Any) -> dict[str, Any]:
    return {
        "suite": "assistant",
        "task": "tools",
        "tools": [WEATHER, {"type": "function", "function": TIME}],
        "data": {"rows": ROWS, "target": "calls"},
        "prompts": {"p": "{{ q }}"},
        **more,
    }


def test_by_hand(tmp_path: Path) -> None:
    run = evaluate(suite(), {"assistant": assistant}, root=tmp_path)
    for record in (run.record, load_run(run.id, tmp_path / ".evalkit").record):
        (cell,) = record.cells
        values = {name: (score.value, score.n) for name, score in cell.scores.items()}
        assert values == {
            "calls_right": (0.5, 4),
            "call_precision": (pytest.approx(1 / 4), 4),
            "call_recall": (pytest.approx(1 / 3), 4),
            "argument_accuracy": (pytest.approx(2 / 3), 4),
            "valid_calls": (pytest.approx(3 / 4), 4),
            "abstains": (0.5, 2),
        }
        assert cell.scores["call_recall"].interval == "bounded"
        assert cell.scores["call_recall"].note == "3 calls"
        one, two, none, chat = cell.samples
        assert (one.correct, two.correct, none.correct, chat.correct) == (True, False, True, False)
        assert one.prediction == '[{"name": "weather", "arguments": {"city": "Paris, FR"}}]'
        assert none.prediction == "[]"
        assert two.how == (
            "2 calls: 'time' is called in place of 'weather'; 'weather': unit is \"kelvin\","
            ' expected "celsius"'
        )
        assert chat.how == "1 call: 'weather' is called, which is not expected"


def test_unreadable_calls_are_unparsed(tmp_path: Path) -> None:
    def broken(prompt: Any) -> dict[str, Any]:
        return {"text": "", "calls": [{"name": "weather", "arguments": '{"city": "Par'}]}

    run = evaluate(suite(), {"m": broken}, root=tmp_path)
    (cell,) = run.record.cells
    assert cell.statuses == {"unparsed": 4}
    assert cell.samples[0].how == (
        '\'weather\': the arguments are not a JSON object: {"city": "Par'
    )
    scores = {name: score.value for name, score in cell.scores.items()}
    assert scores["calls_right"] == scores["abstains"] == scores["valid_calls"] == 0.0
    left_out = evaluate(suite(on_unparsed="exclude"), {"m": broken}, root=tmp_path)
    assert left_out.record.cells[0].scores["calls_right"].n == 0


def test_the_rules_of_a_suite_count(tmp_path: Path) -> None:
    def eager(prompt: Any) -> dict[str, Any]:
        wanted = perfect(prompt)["calls"]
        return {"text": "", "calls": [*wanted, said("time", city="x")] if wanted else []}

    strict = evaluate(suite(), {"m": eager}, root=tmp_path)
    assert strict.record.cells[0].scores["calls_right"].value == 0.5
    declared = suite(match={"extra": True})
    loose = evaluate(declared, {"m": eager}, root=tmp_path)
    assert loose.record.cells[0].scores["calls_right"].value == 1.0
    declared = suite(match={"extra": "yes", "order": "strict"})
    ordered = evaluate(declared, {"m": eager}, root=tmp_path)
    assert ordered.record.cells[0].scores["calls_right"].value == 0.75


def test_tools_of_each_sample_come_from_a_column(tmp_path: Path) -> None:
    rows = [{**row, "functions": [WEATHER] if i else [WEATHER, TIME]} for i, row in enumerate(ROWS)]
    declared = suite(data={"rows": rows, "target": "calls", "tools": "functions"})
    with pytest.raises(SpecError, match="lists the tools of all samples"):
        evaluate(declared, {"m": assistant}, root=tmp_path)
    del declared["tools"]
    run = evaluate(declared, {"m": assistant}, root=tmp_path)
    assert run.record.cells[0].scores["valid_calls"].value == pytest.approx(2 / 4)
    rows[1] = {**rows[1], "functions": [{"name": "weather", "parameters": {"type": "array"}}]}
    with pytest.raises(SpecError, match="must describe an object"):
        evaluate(declared, {"m": assistant}, root=tmp_path)


def test_without_tools_validity_is_undefined(tmp_path: Path) -> None:
    declared = suite()
    del declared["tools"]
    run = evaluate(declared, {"m": assistant}, root=tmp_path)
    score = run.record.cells[0].scores["valid_calls"]
    assert (score.value, score.note) == (
        None, "undefined: no call was made, or no tools are declared",
    )  # fmt: skip


def test_two_applications_are_compared(tmp_path: Path) -> None:
    run = evaluate(suite(), {"a": assistant, "b": perfect}, root=tmp_path)
    (found,) = compare(run.id, store=tmp_path / ".evalkit", metrics=["all"])
    by_score = {one.score: one for one in found.scores}
    assert by_score["calls_right"].difference == pytest.approx(0.5)
    assert by_score["call_recall"].difference == pytest.approx(2 / 3)
    assert math.isfinite(by_score["call_recall"].p)


def test_groups_and_repeats(tmp_path: Path) -> None:
    declared = suite(
        data={"rows": ROWS, "target": "calls", "group": "kind"}, repeats=3,
        generation={"temperature": 1.0},
    )  # fmt: skip
    run = evaluate(declared, {"m": assistant}, root=tmp_path)
    scores = run.record.cells[0].scores
    assert scores["call_recall[kind=one]"].value == 1.0
    assert scores["abstains[kind=none]"].value == 0.5
    assert scores["call_recall"].interval
    assert scores["abstains"].interval
    assert scores["flake_rate"].value == 0.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tools": [{"name": "weather", "parameters": {"type": "objct"}}]}, "must describe an obj"),
        ({"match": {"order": "loose"}}, "order"),
        ({"match": {"extras": "no"}}, "did you mean 'extra'"),
        ({"task": "qa"}, "'tools' is only for the task tools"),
        ({"data": {"rows": [{"q": "x", "calls": None}], "target": "calls"}}, r"write \[\] if"),
        (
            {"data": {"rows": [{"q": "x", "calls": [said("wether")]}], "target": "calls"}},
            "did you mean 'weather'",
        ),
        ({"data": {"rows": ROWS}}, "needs 'target:'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        evaluate(suite(**changed), {"m": assistant}, root=tmp_path)


def test_csv_and_text_cells_are_read(tmp_path: Path) -> None:
    text = json.dumps([PARIS]).replace('"', '""')
    (tmp_path / "calls.csv").write_text(f'q,calls\nparis,"{text}"\nhello,[]\n')
    declared = suite(data={"file": "calls.csv", "target": "calls"})
    run = evaluate(declared, {"m": assistant}, root=tmp_path)
    assert run.record.cells[0].scores["calls_right"].value == 1.0
    rows = [{"q": "paris", "calls": json.dumps([PARIS])}]
    run = evaluate(suite(data={"rows": rows, "target": "calls"}), {"m": assistant}, root=tmp_path)
    assert run.record.cells[0].scores["calls_right"].value == 1.0


def test_worked_examples_show_a_right_answer(tmp_path: Path) -> None:
    seen: list[Any] = []

    def listening(prompt: Any) -> dict[str, Any]:
        seen.append(prompt)
        return {"text": "", "calls": []}

    prompts = {"p": {"user": "{{ q }}", "shots": {"rows": [{**ROWS[1], "id": "s", "q": "x"}]}}}
    evaluate(suite(prompts=prompts), {"m": listening}, root=tmp_path)
    assert json.loads(seen[0][1]["content"]) == [
        said("weather", city="Paris"), said("weather", city="Rome"),
    ]  # fmt: skip


def test_on_plain_lists() -> None:
    predictions = [json.dumps(REPLIES["both"]), "[]", "nonsense", None]
    targets = [json.dumps([PARIS, ROME]), "[]", "[]", json.dumps([PARIS])]
    right = compute("calls_right", predictions, targets)
    assert list(right.per_sample) == [0, 1, 0, 0]  # type: ignore[union-attr,arg-type]
    assert compute("call_recall", predictions, targets).value == 0  # type: ignore[union-attr]


SORRY = "I have no tool for that."
CITIES = [said("weather", city="Paris"), said("weather", city="Rome"), SORRY]


def choosing(**more: Any) -> dict[str, Any]:
    rows = [{**row, "options": CITIES} for row in ROWS if row["id"] != "two"]
    data = {"rows": rows, "target": "calls", "permitted": "options"}
    return suite(data=data, answer="choice", tools_form="hermes", **more)


class Chooser:
    """Prefers Rome for "bye", Paris for "paris", and otherwise no call."""

    def __call__(self, prompt: Any) -> str:
        raise AssertionError("nothing is generated")

    def evalkit_choose(self, prompt: Any, choices: Any) -> list[float]:
        best = {"paris": "Paris", "bye": "Rome"}.get(prompt[-1]["content"], "tool for")
        return [-1.0 if best in choice else -3.0 for choice in choices]


def test_permitted_calls_are_compared_by_likelihood(tmp_path: Path) -> None:
    run = evaluate(choosing(), {"m": Chooser()}, root=tmp_path)
    (cell,) = load_run(run.id, tmp_path / ".evalkit").record.cells
    paris, none, chat = cell.samples
    assert [one.correct for one in cell.samples] == [True, True, False]
    assert paris.prediction == '[{"name": "weather", "arguments": {"city": "Paris"}}]'
    assert [call.values for call in paris.answer.calls] == [{"city": "Paris"}]
    assert none.prediction == SORRY
    assert none.answer.calls == ()
    assert chat.answer.calls[0].values == {"city": "Rome"}
    share = 1 / (1 + 2 * math.exp(-2))
    assert paris.probabilities[paris.prediction] == pytest.approx(share)
    assert cell.scores["abstains"].value == 0.5
    assert paris.answer.choices.continuations[0] == (
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (CITIES[1:], "none of the permitted answers is right"),
        (CITIES[:1], "two or more permitted answers"),
        ([*CITIES, CITIES[0]], "listed twice"),
        ([3, *CITIES], "expected a call such as"),
    ],
)
def test_permitted_calls_that_cannot_be_meant_are_refused(
    tmp_path: Path, options: list[Any], said: str
) -> None:
    declared = choosing()
    declared["data"]["rows"][0]["options"] = options
    with pytest.raises(SpecError, match=said):
        evaluate(declared, {"m": Chooser()}, root=tmp_path)


def test_choosing_needs_its_column_and_form(tmp_path: Path) -> None:
    declared = choosing()
    del declared["data"]["permitted"], declared["tools_form"]
    with pytest.raises(SpecError) as found:
        evaluate(declared, {"m": Chooser()}, root=tmp_path)
    assert "name the column" in str(found.value)
    assert "write 'tools_form: hermes'" in str(found.value)


@pytest.mark.model
def test_smollm2_chooses_calls(smollm2: Any, tmp_path: Path) -> None:
    run = evaluate(choosing(), "smollm2", root=tmp_path)
    (cell,) = run.record.cells
    assert cell.statuses == {"ok": 3}
    for sample in cell.samples:
        assert sum(sample.probabilities.values()) == pytest.approx(1)


def test_the_confusion_of_tools_links_to_samples(tmp_path: Path) -> None:
    run = evaluate(suite(), {"a": assistant, "b": perfect}, root=tmp_path)
    first, second = run.record.cells
    (matrix,) = [a for a in first.analyses if isinstance(a, ConfusionMatrix)]
    assert matrix.labels == ("time", "weather", "(no call)")
    assert matrix.counts == ((0, 0, 0), (1, 2, 0), (0, 1, 1))
    (matrix,) = [a for a in second.analyses if isinstance(a, ConfusionMatrix)]
    assert matrix.labels == ("weather", "(no call)")
    drawn = confusions([second, first])
    assert [one.codes for one in drawn] == [[0, 1], [2, 0, 1]]
    index = unpacked(pack(run.record.suites["assistant"], [second, first]).index)
    assert index["labels"] == ["weather", "(no call)", "time"]
    assert index["cells"][1]["entries"] == [[[0, 0]], [[0, 2], [0, 0]], [[1, 1]], [[1, 0]]]


def test_many_tools_share_a_row() -> None:
    names = [f"tool{i:02d}" for i in range(40) for _ in range(40 - i)]
    made = [json.dumps([said(name)]) for name in names]
    found = confusion(Columns(made, [(one,) for one in made]))
    assert len(found.labels) == 32
    assert found.labels[-2:] == ("(no call)", "(other)")
    assert sum(map(sum, found.counts)) == len(names)
    assert found.counts[-1][-1] == sum(range(1, 11))


def test_as_a_function_of_weights() -> None:
    rules = CallRules.declared(suite())
    from evalkit.messages import call_of
    from evalkit.tools import expected_of, written

    cells = [expected_of(row["calls"], rules.tools) for row in ROWS]
    targets = [tuple(map(written, cell)) for cell in cells]
    made = [tuple(map(call_of, REPLIES[row["q"]])) for row in ROWS]
    matched = [rules.matched(t, m, {}) for t, m in zip(targets, made, strict=True)]
    columns = Columns([""] * 4, targets, matched=matched)
    drawn, weights = [0, 1, 1, 3], np.array([[1.0, 2.0, 0.0, 1.0]])
    for name in ("call_precision", "call_recall", "argument_accuracy", "valid_calls"):
        function = weighted(name, columns, {})
        assert function is not None
        (score,) = run_metric(name, columns.subset(drawn)).values()
        assert function(weights) == pytest.approx([score.value])
