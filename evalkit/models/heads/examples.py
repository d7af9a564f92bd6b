"""Example inputs for task heads, to try a model."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.exchange import Inputs
from evalkit.spec.inputs import MASK

WHAT_IS_READ = {
    "classification": "a text or a pair of texts",
    "extractive-qa": "a question and a context",
    "token-classification": "the tokens of a text",
    "fill-mask": f"a text with {MASK}",
}
"""The inputs of a head by task."""

_TEXTS = {
    "classification": "A wonderful film, from the first minute to the last.",
    "extractive-qa": "What is the capital of France?",
    "token-classification": "Ada Lovelace was born in London .",
    "fill-mask": f"The capital of France is {MASK}.",
}
_CONTEXT = "Berlin is the capital of Germany, and Paris is the capital of France."
_LABELS = ("positive", "negative")


def inputs_for(task: str, text: str, labels: Sequence[str]) -> Inputs:
    """Inputs of a head for a task.

    text: the text, the question, or tokens separated by spaces; "": an example for the task.
    labels: those of the head; a head without labels gets two that fit the example.
    """
    text = text or _TEXTS[task]
    if task == "extractive-qa":
        return Inputs(task, (text, _CONTEXT))
    if task == "token-classification":
        return Inputs(task, tuple(text.split()))
    if task == "classification":
        names = dict.fromkeys(labels or _LABELS)
        return Inputs(task, (text,), tuple((name, (name,)) for name in names))
    return Inputs(task, (text,))


def readable(inputs: Inputs) -> str:
    """The inputs as text."""
    between = " " if inputs.task == "token-classification" else "\n"
    return between.join(inputs.texts)
