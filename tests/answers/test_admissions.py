"""Replies that admit that there is no answer, and replies that give one."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit import SpecError, evaluate
from evalkit.answers.admissions import admission_in

ADMITS = [
    "I don't know.",
    "I’m not aware of any cellist by that name.",
    "I'm sorry, but I couldn't find any information about Mount Kelvarrin.",
    "I am not familiar with this novel. Could you give me more details?",
    "There is no country called Zandoria.",
    "There is no such treaty.",
    "There isn't any record of a general with this name.",
    "No such element exists.",
    "The Republic of Zandoria does not exist.",
    "It appears that this opera doesn't actually exist.",
    "Norrumbay is a fictional island, so it has no capital.",
    "Velsium is not a real element.",
    "I have no record of a Great Bell Riot in Antwerp.",
    "As an AI, I don't have access to real-time information, so I cannot tell you the weather.",
    "I can't see outside your window.",
    "I can not predict who will win.",
    "It is impossible to predict earthquakes to the day.",
    "Nobody can know that today.",
    "That cannot be predicted.",
    "It's too early to say who will be president in 2049.",
    "I'm unable to access your bank account.",
    "I have no way of knowing what you had for breakfast.",
    "Could you please clarify which Anaximelos you mean?",
    "Hello! I'm afraid I have never heard of Hrafnborg Steinlundar.",
    "The winner is not known yet.",
    "I do not have any information about a disease with this name.",
    "I'm not certain that such a person existed. Please check the spelling.",
    "**I don't recognise** this title.",
    "I'm not sure which film you mean, but if you tell me more I can look again.",
]
ANSWERS = [
    "Pablo Casals was born on 29 December 1876.",
    "She won it for her work on radioactivity.",
    "The capital of Norrumbay is Port Ellis.",
    "The Woman with the Copper Kettle was painted by Vermeer in 1661.",
    "I'm not sure, but I think it was 1902.",
    "I don't know the exact date, but it was probably in the spring of 1871.",
    "Hercule Poirot, a fictional detective, solves the case.",
    "Ben Nevis is 1,345 metres high. There is no higher mountain in Scotland.",
    "The Atacama is known for being very dry. Some parts have never seen rain.",
    "Slow and steady wins the race.",
    "He wrote War and Peace and Anna Karenina. I don't know which is longer.",
    "Mars has two moons: Phobos and Deimos.",
    "It will be Brazil.",
    "The first line is: I could not stop for snow.",
    "It is not known for its food but for its music.",
    "You are thinking of the number 7.",
]


@pytest.mark.parametrize("reply", ADMITS)
def test_admissions_are_found(reply: str) -> None:
    assert admission_in(reply).prediction == "admits", admission_in(reply).explanation


@pytest.mark.parametrize("reply", ANSWERS)
def test_answers_are_not_admissions(reply: str) -> None:
    assert admission_in(reply).prediction == "answers", admission_in(reply).explanation


def test_an_empty_reply_is_neither() -> None:
    assert admission_in("  \n").prediction is None


def suite(**keys: object) -> dict[str, object]:
    return {
        "task": "classification",
        "data": {
            "rows": [
                {"q": "Who was Osric Pembelthwaite?", "t": "admits"},
                {"q": "Who was Napoleon?", "t": "answers"},
                {"q": "Who was Ysolde III?", "t": "admits"},
            ],
            "target": "t",
        },
        "labels": ["admits", "answers"],
        "prompt": {"text": "{{ q }}"},
        "answer": "admission",
        "metrics": ["recall", "accuracy"],
        **keys,
    }


def test_a_suite_scores_admissions(tmp_path: Path) -> None:
    def model(prompt: str) -> str:
        return "I have never heard of him." if "Osric" in prompt else "An emperor of France."

    run = evaluate(suite(), models={"m": model}, root=tmp_path)
    values = run.scores.set_index("score")["value"]
    assert values["recall[admits]"] == pytest.approx(1 / 2)
    assert values["recall[answers]"] == 1.0
    assert values["accuracy"] == pytest.approx(2 / 3)


def test_other_labels_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"labels: \[admits, answers\]"):
        evaluate(suite(labels=["no", "answers"]), models={"m": str}, root=tmp_path)
