"""The page of pytest options, fixtures and hooks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from docs.generate.markdown import code, page, single, table


class Recorder:
    """A stand-in for pytest's parser that records the options."""

    def __init__(self) -> None:
        self.options: list[tuple[str, dict[str, Any]]] = []

    def getgroup(self, *_: str) -> Recorder:
        """The only group of options."""
        return self

    def addoption(self, name: str, **more: Any) -> None:
        """Record an option."""
        self.options.append((name, more))


def pytest_options() -> str:
    """Options, fixtures and hooks of the plugin."""
    from evalkit import pytest_plugin
    from evalkit.pytest_plugin import hookspecs

    recorder = Recorder()
    pytest_plugin.pytest_addoption(recorder)  # type: ignore[arg-type]
    options = [[code(_usage(name, more)), more["help"]] for name, more in recorder.options]
    fixtures = [
        [code(name), single(inspect.getdoc(getattr(pytest_plugin, name)) or "")]
        for name in ("evaluate", "eval_model")
    ]
    hooks = [
        [code(f"{name}(config)"), single(inspect.getdoc(hook) or "")]
        for name, hook in vars(hookspecs).items()
        if name.startswith("pytest_")
    ]
    return page(
        "pytest options",
        "The options, fixtures and hooks that evalkit adds to pytest.",
        "## Options",
        table(["option", "meaning"], options),
        "## Fixtures",
        table(["fixture", "provides"], fixtures),
        "## Hooks",
        table(["hook in `conftest.py`", "purpose"], hooks),
    )


def _usage(name: str, more: Mapping[str, Any]) -> str:
    if "choices" in more:
        return f"{name}={','.join(more['choices'])}"
    if more.get("nargs") == "?":
        return f"{name}[={more['metavar']}]"
    return f"{name} {more['metavar']}" if more.get("metavar") else name
