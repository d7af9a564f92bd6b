"""An application that retrieves and calls: every part of its response can be named in a suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate, load_run
from evalkit.errors import SpecError
from evalkit.messages import Message, ToolCall
from evalkit.passages import Passage
from evalkit.records import Answer

ROWS = [
    {"id": "a", "q": "How do I pay?", "want": "By card."},
    {"id": "b", "q": "Where is it?", "want": "In Paris."},
]


def router(prompt: Any) -> dict[str, Any]:
    paying = "pay" in str(prompt)
    passage = {"id": "p1", "text": "We take cards."} if paying else {"id": "p2", "text": "Paris."}
    return {
        "text": "By card." if paying else "In Rome.",
        "contexts": [passage],
        "calls": [{"name": "search", "arguments": {"topic": "pay" if paying else "place"}}],
        "messages": [
            {"role": "assistant", "content": "", "tool_calls": [{"name": "search", "args": {}}]},
            {"role": "tool", "content": "found"},
        ],
        "usage": {"prompt_tokens": 5, "cost": 0.25},
        "details": {"route": "billing" if paying else "travel"},
    }


def suite(**more: Any) -> dict[str, Any]:
    return {
        "suite": "desk",
        "task": "qa",
        "data": {"rows": ROWS, "target": "want", "group": "response.details.route"},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["exact_match"],
        **more,
    }


def test_every_part_of_a_response_is_stored_and_read_back(tmp_path: Path) -> None:
    run = evaluate(suite(), {"router": router}, root=tmp_path)
    again = evaluate(suite(), {"router": router}, root=tmp_path)
    for one in (run, again, load_run(run.id, tmp_path / ".evalkit")):
        answer = one.record.cells[0].samples[0].answer
        assert answer.contexts == (Passage("p1", "We take cards."),)
        assert answer.calls == (ToolCall("", "search", '{"topic": "pay"}'),)
        assert answer.messages[1] == Message("tool", "found")
        assert answer.cost == 0.25


def test_samples_are_grouped_by_what_the_application_did(tmp_path: Path) -> None:
    gate = "exact_match[response.details.route=billing] >= 1"
    run = evaluate(suite(gates=[gate]), {"router": router}, root=tmp_path)
    scores = run.record.cells[0].scores
    assert scores["exact_match[response.details.route=billing]"].value == 1.0
    assert scores["exact_match[response.details.route=travel]"].value == 0.0
    assert run.passed


def test_a_custom_metric_takes_contexts_calls_and_messages(tmp_path: Path) -> None:
    def cited(
        predictions: Sequence[str],
        contexts: Sequence[Sequence[Passage]],
        calls: Sequence[Sequence[ToolCall]],
        messages: Sequence[Sequence[Message]],
    ) -> list[float]:
        return [
            float(bool(found) and one[0].name == "search" and len(some) == 2)
            for found, one, some in zip(contexts, calls, messages, strict=True)
        ]

    run = evaluate(
        suite(metrics=["cited"]), {"router": router}, metrics={"cited": cited}, root=tmp_path
    )
    assert run.record.cells[0].scores["cited"].value == 1.0


def test_checks_look_at_a_part_of_the_response(tmp_path: Path) -> None:
    checks = [
        {"contains": "cards", "of": "response.contexts"},
        {"contains": '"topic": "pay"', "of": "response.calls"},
        {"equals": "billing", "of": "response.details.route"},
        {"equals": "x", "of": "response.details.missing"},
        {"not_contains": "x", "of": "response.details.missing"},
        {"max_words": 3},
    ]
    run = evaluate(suite(checks=checks), {"router": router}, root=tmp_path)
    first, second = run.record.cells[0].samples
    assert [check.passed for check in first.checks] == [True, True, True, False, True, True]
    assert [check.passed for check in second.checks] == [False, False, False, False, True, True]
    assert first.checks[0].rule == "contains: cards, of: response.contexts"
    assert first.checks[3].reason == "the response has no response.details.missing"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"checks": [{"contains": "x", "of": "response.context"}]}, "did you mean 'contexts'"),
        ({"checks": [{"contains": "x", "of": "contexts"}]}, "expected a part of the response"),
        ({"checks": [{"of": "response.contexts"}]}, "no rule beside 'of:'"),
        (
            {"data": {"rows": ROWS, "target": "want", "group": "response.detail.route"}},
            "did you mean 'details'",
        ),
        ({"data": {"rows": ROWS, "target": "response.text"}}, "unknown column 'response.text'"),
    ],
)
def test_a_part_that_does_not_exist_is_refused(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        evaluate(suite(**changed), {"router": router}, root=tmp_path)


def test_a_rubric_shows_the_contexts_fenced(tmp_path: Path) -> None:
    seen: list[str] = []

    def judge(prompt: Any) -> str:
        seen.append(prompt[-1]["content"])
        return "Rating: 3"

    rubric = {
        "name": "grounded",
        "description": "Does the answer follow from the passages?",
        "scale": {1: "no", 3: "yes"},
        "prompt": "{% for p in response.contexts %}{{ p.id }}: {{ p.text }}\n{% endfor %}"
        "{{ output }}",
    }
    declared = suite(judges=[{"rubric": rubric, "by": "judge", "method": "text"}])
    run = evaluate(declared, {"router": router, "judge": judge}, root=tmp_path)
    cells = {cell.model: cell for cell in run.record.cells}
    assert cells["router"].scores["grounded"].value == 3.0
    assert any("p1: <<< " in text and "\nWe take cards.\n" in text for text in seen)


def test_a_column_of_the_name_response_comes_first(tmp_path: Path) -> None:
    seen: list[str] = []

    def judge(prompt: Any) -> str:
        seen.append(prompt[-1]["content"])
        return "Rating: 1"

    rubric = {
        "name": "r",
        "description": "Good?",
        "scale": {1: "no", 3: "yes"},
        "prompt": "{{ response }} {{ output }}",
    }
    rows = [{"q": "?", "want": "x", "response": "of the data"}]
    declared = suite(data={"rows": rows, "target": "want"}, judges=[{"rubric": rubric, "by": "j",
                     "method": "text"}])  # fmt: skip
    evaluate(declared, {"router": router, "j": judge}, root=tmp_path)
    assert any("of the data" in text for text in seen)


def test_a_suite_names_its_models_and_others_skip_it(tmp_path: Path) -> None:
    def other(prompt: Any) -> str:
        return "By card."

    run = evaluate(suite(models="router"), {"router": router, "other": other}, root=tmp_path)
    assert [cell.model for cell in run.record.cells] == ["router"]
    assert run.record.notices == ["suite 'desk' is for router: other skipped"]


def test_the_values_of_a_response_are_those_that_a_suite_can_name() -> None:
    from evalkit.records.references import PARTS

    assert tuple(Answer().values()) == PARTS
