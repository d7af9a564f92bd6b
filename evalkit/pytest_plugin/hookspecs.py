"""Hooks that a project's ``conftest.py`` may implement."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookspec
def pytest_evalkit_models(config: pytest.Config) -> dict[str, Any]:  # type: ignore[empty-body]
    """Provide loaded models, by name.

    A value is a pair ``(transformers model, tokenizer)``, a text-generation pipeline, a
    function from the final prompt to an answer, or anything with the methods of
    ``evalkit.models.base.Model``.
    """


@pytest.hookspec
def pytest_evalkit_metrics(config: pytest.Config) -> dict[str, Any]:  # type: ignore[empty-body]
    """Provide the project's own metrics, by name.

    A value is what may stand under ``metrics:`` in ``evalkit.yaml``, with the function itself in
    place of its name: a function, or a dict with ``function`` and ``better``, ``low``, ``high``,
    ``needs``; or an ``evalkit.metrics.catalogue.Metric``.
    """
