"""Shipped suites with models that are always right, or always give the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, evaluate
from evalkit.spec.load import LoadedSuite
from evalkit.spec.prompts import ideal_answer
from tests.test_suites import FOLDER, load

Said = Callable[[str, str], str]
"""What a model makes of a question and its right answer."""


class Knowing:
    """A model that looks up the right answer by the whole prompt."""

    def __init__(self, loaded: LoadedSuite, say: Said) -> None:
        self.say = say
        self.answers = {
            whole(variant.render(sample)): ideal_answer(loaded.suite, sample) or "unanswerable"
            for variant in loaded.variants.values()
            for sample in loaded.dataset
        }

    def __call__(self, prompt: Any) -> str:
        question = whole(prompt)
        return self.say(question, self.answers[question])

    def evalkit_choose(self, prompt: Any, choices: list[str]) -> list[float]:
        said = self(prompt)
        return [-0.1 if choice == said else -5.0 for choice in choices]


def whole(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    turns = (turn if isinstance(turn, dict) else vars_of(turn) for turn in prompt)
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def vars_of(message: Any) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def ask(name: str, folder: Path, say: Said) -> Run:
    return evaluate(FOLDER / f"{name}.eval.yaml", {"app": Knowing(load(name), say)}, store=folder)


def right(question: str, answer: str) -> str:
    return answer


@pytest.mark.parametrize(
    "name",
    [
        "topics",
        "inference",
        "reading",
        "entities",
        "translation",
        "facts",
        "sentiment",
        "grounding",
    ],
)
def test_a_model_that_is_always_right_passes(name: str, tmp_path: Path) -> None:
    run = ask(name, tmp_path, right)
    assert run.passed, run.gates[run.gates.verdict != "pass"]
    assert run.gates.verdict.tolist()


@pytest.mark.parametrize(
    ("name", "same", "failing"),
    [
        ("topics", "sport", "accuracy >= 0.80"),
        ("inference", "yes", "recall[neutral] >= 0.55"),
        ("grounding", "supported", "precision[supported] >= 0.80"),
        ("grounding", "not found", "accuracy >= 0.75"),
        ("reading", "unanswerable", "answerable_f1 >= 0.65"),
        ("reading", "the two brothers", "no_answer_f1 >= 0.60"),
        ("entities", "[]", "entity_f1 >= 0.70"),
        ("translation", "Het regent.", "chrf[direction=en-nl] >= 50"),
    ],
)
def test_a_model_that_always_says_the_same_fails(
    name: str, same: str, failing: str, tmp_path: Path
) -> None:
    run = ask(name, tmp_path, lambda question, answer: same)
    verdicts = run.gates[run.gates.rule == failing].verdict
    assert len(verdicts) == len(load(name).variants)
    assert set(verdicts) == {"fail"}


def in_style(question: str, answer: str) -> str:
    """The right answer in the form of each style of prompt, after weighing others."""
    if "step by step" in question:
        return f"It may be true or false, or unknown.\nThe text decides.\nAnswer: {answer}"
    if "JSON" in question:
        return json.dumps({"reason": "It seemed false or unknown at first.", "answer": answer})
    return answer


def test_every_style_of_prompt_is_parsed_in_its_form(tmp_path: Path) -> None:
    run = ask("styles", tmp_path, in_style)
    accuracy = run.scores[run.scores.score == "accuracy"]
    assert sorted(accuracy.prompt) == sorted(load("styles").variants)
    assert set(accuracy.value) == {1.0}


def test_styles_ask_the_questions_of_inference() -> None:
    styles, inference = load("styles").suite, load("inference").suite
    assert styles.data.file == inference.data.file
    assert styles.label_names == inference.label_names
