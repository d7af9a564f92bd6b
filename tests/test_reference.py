"""The reference pages match the code and describe every name."""

from __future__ import annotations

import re

import pytest

from docs.generate.pages import FOLDER, PAGES, outdated


def test_pages_are_up_to_date() -> None:
    assert outdated() == [], "run: python -m docs.generate"


@pytest.mark.parametrize("name", ["models.md", "suites.md", "pytest.md", "commands.md"])
def test_every_row_has_a_meaning(name: str) -> None:
    rows = re.findall(r"^\| `.*\|$", (FOLDER / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 10
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_page_is_written() -> None:
    assert {page.name for page in FOLDER.glob("*.md")} == set(PAGES)
