"""Language modelling: the likelihood of a text; nothing is generated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evalkit.tasks._metrics import READ
from evalkit.tasks._task import Finding, Target, Task

if TYPE_CHECKING:
    from evalkit.spec.suite import Suite


def _rules(suite: Suite) -> Iterator[Finding]:
    for name, prompt in suite.prompts.items():
        if prompt.text is None:
            yield (
                ("prompts", name),
                "the task scores raw text, not a chat: write the prompt under 'text:'",
            )


TASK = Task(
    name="language-modelling",
    summary="the likelihood of a text",
    target=Target(required=False),
    rules=_rules,
    reading=True,
    metrics=(*READ, "pair_preference", "pair_likelihood_gap"),
    default_metrics=READ,
)
