"""Metrics that need a reference model to read the answers: perplexity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.spec.suite import Suite
from evalkit.tasks import READ, find


def reference_models(suite: Suite) -> dict[str, str]:
    """The metrics of a suite that need a reference model, with that model's name."""
    return {
        spec.name: str(spec.settings["model"])
        for spec in suite.metrics
        if spec.name in READ and spec.settings.get("model")
    }


def check_reference(name: str, task: str, settings: Mapping[str, Any]) -> str | None:
    """The problem with the choice of the reference model, or None."""
    if name not in READ:
        return None
    model = settings.get("model")
    if find(task).reading:
        problem = "the model under test reads the texts: remove 'model:'"
        return f"metric '{name}': {problem}" if "model" in settings else None
    if not isinstance(model, str) or not model:
        return (
            f"metric '{name}' of answers needs the model that reads them: write"
            f" '{name}: {{model: NAME}}'"
        )
    return None
