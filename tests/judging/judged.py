"""Runs of nine answers that scripted judges grade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evalkit import Run
from evalkit.records.judgments import Judgment

ROWS = [
    {"id": str(i), "q": f"question {i}", "a": f"answer {i}", "kind": "odd" if i % 2 else "even"}
    for i in range(9)
]


RUBRIC = {
    "name": "good",
    "description": "Is it good?",
    "scale": {1: "bad", 2: "fair", 3: "good"},
    "prompt": "{{ q }}\n{{ output }}",
}


def suite(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "suite": "s",
        "task": "qa",
        "data": {"rows": ROWS, "target": "a", "group": "kind"},
        "prompts": {"p": "{{ q }}"},
        "metrics": ["exact_match"],
        "judges": [{"rubric": RUBRIC, "method": "text"}],
    }
    return base | changes


def echo(prompt: Any) -> str:
    return f"reply to {asked(prompt)}"


def asked(prompt: Any) -> str:
    return str(prompt[-1]["content"])


def number(prompt: Any) -> int:
    """Which question a judge's prompt is about."""
    return int(asked(prompt).split("question ")[1][0])


def always(text: str) -> Callable[[Any], str]:
    return lambda prompt: text


def score(run: Run, name: str, model: str = "m") -> Any:
    return run.scores.query("model == @model").set_index("score").loc[name]


def judgments(run: Run, sample: int = 0, cell: int = 0) -> list[Judgment]:
    return run.record.cells[cell].samples[sample].judgments


def verdicts(run: Run) -> dict[str, tuple[str, str]]:
    return {r: (v, w) for r, v, w in run.gates[["rule", "verdict", "reason"]].to_numpy()}


def prefers(*words: str) -> Callable[[Any], str]:
    """A judge that prefers the text with the earliest of these words."""

    def judge(prompt: Any) -> str:
        first, second = asked(prompt).split("Answer A:")[1].split("Answer B:")
        rank = {w: i for i, w in enumerate(words)}
        a = min((rank[w] for w in words if w in first), default=99)
        b = min((rank[w] for w in words if w in second), default=99)
        return f"Verdict: {'A' if a <= b else 'B'}"

    return judge


PAIRS = {"judges": [{"rubric": "preference", "method": "text"}]}
