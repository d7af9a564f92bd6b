"""The metrics of a suite, named or by default, and which of them need its answers only."""

from __future__ import annotations

from evalkit.metrics.catalogue import default_metrics
from evalkit.scoring.reference_models import reference_models
from evalkit.spec.suite import Suite


def metric_names(suite: Suite) -> tuple[str, ...]:
    """The metrics of a suite: those it names, else the defaults of its task."""
    named = tuple(spec.name for spec in suite.metrics)
    if named:
        return named
    return default_metrics(suite.kind, has=columns_present(suite))


def computed_metrics(suite: Suite) -> list[str]:
    """Those of them that need no reference model."""
    others = reference_models(suite)
    return [name for name in metric_names(suite) if name not in others]


FLAKE_RATE = "flake_rate"
"""The share of questions whose answers are neither all right nor all wrong."""


def has_flake_rate(suite: Suite) -> bool:
    """Whether questions are repeated and their answers are right or wrong."""
    return suite.repeats > 1 and suite.kind.correct is not None


def columns_present(suite: Suite) -> set[str]:
    """Which of the columns that metrics may need the cells of a suite will have."""
    present = set()
    chosen = suite.answer.method == "choice"
    if suite.labels:
        present.add("labels")
        if chosen:
            present.add("probabilities")
    if suite.data.source:
        present.add("sources")
    if suite.data.named("relevant"):
        present.add("relevant")
    if suite.answer.method == "likelihood":
        present.add("likelihoods")
    made = suite.kind.makes
    return present | (made if chosen else made - {"choices"})
