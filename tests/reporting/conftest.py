from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.records import RunRecord
from evalkit.reporting.html import write_html

from .runs import full_run

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def run() -> RunRecord:
    """Every verdict, every status, hostile outputs. Shared: tests do not change it."""
    return full_run()


@pytest.fixture(scope="session")
def report(run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_html(run, tmp_path_factory.mktemp("report") / "report.html")


def find_chromium() -> str | None:
    """EVALKIT_CHROMIUM, else the chromium on the path."""
    return os.environ.get("EVALKIT_CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: install it or set EVALKIT_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, report: Path) -> Iterator[Callable[..., Any]]:
    """Opens the report at an address; fails if anything was logged or requested."""
    contexts, said, asked = [], [], []

    def open_(address: str = "", path: Path = report, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []
    # Blobs and data are of the page itself.
    assert [url for url in asked if not url.startswith((path_uri(report), "blob:", "data:"))] == []


def path_uri(report: Path) -> str:
    return report.parent.parent.as_uri()
