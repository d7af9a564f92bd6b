"""docs/architecture.md and import-linter's contract name the rooms that there are, in one order."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| `([\w/.]+)` \| (.*) \|$", re.M)


def layers() -> list[list[str]]:
    """The rooms of the contract, lowest first; those of one layer together."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        linter: Any = tomllib.load(file)["tool"]["importlinter"]
    (contract,) = [one for one in linter["contracts"] if one["type"] == "layers"]
    found = [
        [name.strip().removeprefix("evalkit.") for name in layer.split("|")]
        for layer in contract["layers"]
    ]
    return found[::-1]


def tables() -> list[list[tuple[str, str]]]:
    """The rows of the page's two tables of rooms."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    _, rooms, files = re.split(r"^\| room \| .*$", page, flags=re.M)
    return [ROW.findall(part) for part in (rooms, files)]


def test_the_page_lists_all_rooms_in_the_order_of_the_contract() -> None:
    named = [name.removesuffix(".py").rstrip("/") for name, _ in tables()[0]]
    there = {
        path.stem
        for path in (ROOT / "evalkit").iterdir()
        if path.name not in ("__init__.py", "__pycache__", "py.typed")
    }
    assert set(named) == there
    order = [sorted(layer) for layer in layers()]
    at = 0
    for layer in order:
        assert sorted(named[at : at + len(layer)]) == layer
        at += len(layer)
    assert at == len(named)


def test_files_that_the_page_names_exist() -> None:
    rows = tables()[1]
    assert len(rows) > 10
    for room, described in rows:
        folder = ROOT / "evalkit" / room
        for name in re.findall(r"`([\w/]+)`", described):
            known = (folder / f"{name}.py").is_file() or (folder / name).is_dir()
            assert known, f"{room}{name}"
