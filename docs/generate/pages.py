"""The pages of the reference, and those that are out of date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate.commands import commands
from docs.generate.metrics import metrics
from docs.generate.models import models
from docs.generate.plugin import pytest_options
from docs.generate.python import python
from docs.generate.suites import project, rubrics, suites

FOLDER = Path(__file__).parents[1] / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "suites.md": suites,
    "rubrics.md": rubrics,
    "project.md": project,
    "pytest.md": pytest_options,
    "commands.md": commands,
    "metrics.md": metrics,
    "models.md": models,
    "python.md": python,
}


def outdated() -> list[str]:
    """Names of the pages that differ from the code."""
    old = {name: FOLDER / name for name in PAGES}
    return [
        name
        for name, make in PAGES.items()
        if not old[name].is_file() or old[name].read_text(encoding="utf-8") != make()
    ]
