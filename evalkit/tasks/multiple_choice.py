"""Multiple choice: one of the choices of each question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.answers.extracted import Extracted
from evalkit.tasks._extraction import piece
from evalkit.tasks._metrics import BIAS
from evalkit.tasks._task import Column, Target, Task

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite


def _choice(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    return piece(suite, response.text, choices=sample.choices)


TASK = Task(
    name="multiple-choice",
    summary="one of the choices of a question",
    target=Target(lists="bracketed"),
    columns=(
        Column(
            "choices",
            "a column with a list of choices, or one column per choice",
            required=True,
            several=True,
            lists="bracketed",
        ),
    ),
    choosing=True,
    extract=_choice,
    correct="accuracy",
    metrics=("accuracy", "accuracy_norm", "target_probability", *BIAS, "consistency"),
    default_metrics=("accuracy", "accuracy_norm"),
    makes=frozenset({"choices"}),
    kept=frozenset({"predictions"}),
)
