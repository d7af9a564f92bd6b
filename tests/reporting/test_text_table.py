"""Tables of plain text."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from evalkit.reporting.text_table import print_table, table_lines

HEADER = ("name", "n")


def test_columns_are_as_wide_as_their_cells() -> None:
    lines = table_lines(HEADER, [("a", "1"), ("long" * 50, "1,000")], right=[1])
    assert lines == [
        "name".ljust(200) + "      n",
        "a".ljust(200) + "      1",
        "long" * 50 + "  1,000",
    ]


def test_wide_characters_take_two_columns() -> None:
    lines = table_lines(HEADER, [("情感分析", "1"), ("ab", "2")])
    assert len({cell_len(line) for line in lines}) == 1


def test_cells_are_text_and_not_markup() -> None:
    assert table_lines(HEADER, [("[bold]x[/bold] :smile:", "1")])[1] == "[bold]x[/bold] :smile:  1"


def test_a_table_is_folded_only_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("word " * 30, "1")]
    print_table(HEADER, rows)
    assert len(capsys.readouterr().out.splitlines()) == 2
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "60")
    print_table(HEADER, rows)
    lines = screen.getvalue().splitlines()
    assert len(lines) > 3
    assert screen.getvalue().count("word") == 30


def test_an_empty_table_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["", ""], [])
    assert capsys.readouterr().out == ""
    print_table(["", ""], [("a", "b")])
    assert capsys.readouterr().out == "a  b\n"
