"""Mathematics: the final answer of a solution is a number or a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.answers.extracted import Extracted
from evalkit.tasks._extraction import piece
from evalkit.tasks._task import Target, Task

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite


def _final(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    """The final answer in a solution, or in the piece of it that ``answer:`` extracts."""
    from evalkit.answers.mathematics import final_answer

    found = piece(suite, response.text)
    if found.prediction is None:
        return found
    final = final_answer(found.prediction)
    if suite.answer.method == "whole":
        return final
    return Extracted(final.prediction, f"{found.explanation}; {final.explanation}")


TASK = Task(
    name="math",
    summary="the final answer of a solution, a number or a formula",
    target=Target(lists="quoted"),
    extract=_final,
    correct="math_accuracy",
    metrics=("math_accuracy", "consistency"),
    default_metrics=("math_accuracy",),
)
