"""What a judge reads: the same around any text, the shared part first."""

from __future__ import annotations

import pytest

from evalkit.judging.fence import fenced
from evalkit.judging.prompts import material, questions
from evalkit.judging.rubric import Rubric
from evalkit.records.judgments import ByCriterion, Overall
from tests.judging.test_fence import HOSTILE


def rubric(**changes: object) -> Rubric:
    declared = {
        "name": "good",
        "description": "Is it good?",
        "scale": {1: "bad", 2: "good"},
        "prompt": "{{ q }}\n{{ output }}",
    }
    return Rubric.model_validate(declared | changes)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_prompt_around_the_text_is_constant(text: str) -> None:
    """The prompt around the judged text equals that around a harmless one."""

    def around(judged: str) -> tuple[str, str]:
        values = material(
            {"q": "Q"}, prompt="p", targets=(), source=None, judged={"output": judged}
        )
        asked = questions(rubric(), values)[Overall()]
        sent = asked.messages("Answer.")[0].content
        block = fenced(judged)
        assert sent.count(block) == 1
        return tuple(sent.split(block))  # type: ignore[return-value]

    assert around(text) == around("fine")


def test_the_shared_part_comes_first() -> None:
    values = [
        material({"q": q}, prompt="p", targets=(), source=None, judged={"output": q})
        for q in ("one", "two")
    ]
    first, second = (questions(rubric(), v)[Overall()] for v in values)
    assert first.before == second.before
    assert first.messages("x")[0].content.startswith(first.before)


def test_each_criterion_is_judged_separately() -> None:
    binary = rubric(mode="binary", scale=None, criteria={"a": "It is A.", "b": "It is B."})
    values = material({"q": "Q"}, prompt="p", targets=(), source=None, judged={"output": "o"})
    asked = questions(binary, values)
    first, second = asked
    assert (first, second) == (ByCriterion("a"), ByCriterion("b"))
    assert "It is B." not in asked[first].messages("")[0].content
    assert list(asked[first].answers) == ["Yes", "No"]
