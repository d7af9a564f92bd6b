"""The tutorial, the how-to pages and the README run as printed, outputs included.

How such a page is read: ``tests/verbatim.py``.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from evalkit.models.identity import cache_folder
from tests.pages import PAGES, VERBATIM, Project, blocks
from tests.verbatim import NOT_ASKED, NOT_RUN, commands_of, play

CACHE = str(cache_folder())
"""Where converted weights are, also for a session inside a test, whose home is another."""


def _needs_model(page: str) -> bool:
    return "smollm2" in PAGES[page].read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def _libraries() -> None:
    """Libraries that cannot be imported twice; a session inside a test forgets what it imports."""
    for name in ("torch", "transformers", "peft", "bitsandbytes"):
        pytest.importorskip(name)


@pytest.mark.parametrize("page", [page for page in VERBATIM if not _needs_model(page)])
def test_examples_of_a_page_run_as_printed(
    page: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play(page, pytester, monkeypatch)


@pytest.mark.model
@pytest.mark.usefixtures("_libraries", "smollm2")  # its weights stay loaded from page to page
@pytest.mark.parametrize("page", [page for page in VERBATIM if _needs_model(page)])
def test_examples_with_a_real_model_run_as_printed(
    page: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play(page, pytester, monkeypatch)


def _play(page: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(pytester)
    monkeypatch.setenv("EVALKIT_CACHE", CACHE)
    monkeypatch.syspath_prepend(str(project.folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    modules = set(sys.modules)
    try:
        play(PAGES[page], project)
    finally:
        for name in set(sys.modules) - modules:
            if (project.folder / f"{name}.py").exists():
                del sys.modules[name]


def test_unexecuted_blocks_are_listed() -> None:
    lines: list[Any] = [
        command.line
        for page in VERBATIM
        for block in blocks(PAGES[page])
        if block.language == "console"
        for command in commands_of(block)
    ]
    assert set(NOT_ASKED) <= set(lines)
    for known in NOT_RUN:
        assert any(line.startswith(known) for line in lines), known
