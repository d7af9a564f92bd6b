"""A reasoning model's thinking is stored and shown, but not scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.errors import SpecError
from evalkit.exchange import Response, Status
from evalkit.models.options import Thinking
from evalkit.models.registry import Declared, resolve
from evalkit.models.thinking import Split, split, without_thinking


@pytest.mark.parametrize(
    ("text", "sent", "thought", "answer"),
    [
        ("plain", "", None, "plain"),
        ("<think>\nhm, 4?\n</think>\n\n5", "", "hm, 4?", "5"),
        ("  <think></think>5", "", "", "5"),
        ("hm, 4?</think>5", "<|assistant|><think>\n", "hm, 4?", "5"),
        ("hm, 4?\n</think>\n\n5", "", "hm, 4?", "5"),
        ("<think>hm, 4", "", "hm, 4", None),
        ("hm, 4", "<|assistant|><think>\n", "hm, 4", None),
        ("5", "<|assistant|><think>\n\n</think>\n\n", None, "5"),
        ("5, with <think>tags</think>", "", None, "5, with <think>tags</think>"),
        ("<think>a</think>b</think>c", "", "a", "b</think>c"),
        ("", "", None, ""),
        ("Use </think> to close the tag.", "", None, "Use </think> to close the tag."),
        ("so 4\n</think>4", "", "so 4", "4"),
    ],
)
def test_split(text: str, sent: str, thought: str | None, answer: str | None) -> None:
    assert split(text, sent) == Split(thought, answer)


def test_other_tags_and_keep() -> None:
    response = Response(Status.OK, text="[T]why[/T]yes")
    found = without_thinking(response, Thinking(start="[T]", end="[/T]"))
    assert (found.text, found.thinking, found.unfinished) == ("yes", "why", False)
    assert without_thinking(response, Thinking(start="[T]", end="[/T]", keep=True)) is response
    assert without_thinking(response, Thinking()).text == response.text
    failed = Response(Status.ERROR, error="no")
    assert without_thinking(failed, Thinking()) is failed


def test_servers_that_send_thinking_separately() -> None:
    answered = without_thinking(Response(Status.OK, text="yes", thinking="why"), Thinking())
    assert (answered.text, answered.thinking, answered.unfinished) == ("yes", "why", False)
    silent = without_thinking(Response(Status.TRUNCATED, text="", thinking="why"), Thinking())
    assert (silent.thinking, silent.unfinished) == ("why", True)


def test_every_backend_accepts_thinking(tmp_path: Path) -> None:
    def declare(thinking: Any) -> Declared:
        options = {"model": "m:f", "thinking": thinking}
        return Declared("mine", "callable", options, "evalkit.yaml", 3, tmp_path)

    resolve(declare({"start": "[T]", "end": "[/T]"}))
    with pytest.raises(SpecError, match=r"thinking\.begin"):
        resolve(declare({"begin": "[T]"}))


SUITE: dict[str, Any] = {
    "suite": "sums",
    "task": "qa",
    "data": {
        "target": "answer",
        "rows": [
            {"id": "a", "q": "1 + 1", "answer": "2"},
            {"id": "b", "q": "2 + 2", "answer": "4"},
            {"id": "c", "q": "3 + 3", "answer": "6"},
        ],
    },
    "prompts": {"plain": "{{ q }}"},
    "metrics": ["exact_match"],
}


def test_a_run_scores_the_answer_and_keeps_the_thinking(tmp_path: Path) -> None:
    def think(prompt: Any) -> Any:
        question = prompt if isinstance(prompt, str) else prompt[-1]["content"]
        return {
            "1 + 1": "<think>one and one</think>2",
            "2 + 2": "<think>is it 4? 4",
            "3 + 3": "6",
        }[question]

    run = evaluate(SUITE, models={"app": think}, root=tmp_path)
    samples = run.samples.set_index("id")
    assert list(samples["output"]) == ["2", "", "6"]
    assert list(samples["prediction"].fillna("none")) == ["2", "none", "6"]
    assert list(samples["status"]) == ["ok", "unparsed", "ok"]
    assert "raise max_new_tokens" in samples.loc["b", "how"]
    assert samples.loc["a", "details"]["thinking"] == "one and one"
    assert run.scores.set_index("score").loc["exact_match", "value"] == pytest.approx(2 / 3)
