"""The progress line of a run, and output of an application in the meantime."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator

import pytest

from evalkit.reporting.progress import TerminalProgress


class Screen(io.StringIO):
    """A terminal: one text of what the progress and the application write to it."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """The visible text: line ends, carriage returns, erasures and moves are applied."""
        rows, row, column = [""], 0, 0
        for piece in re.split(r"(\n|\r|\x1b\[[?0-9;]*[A-Za-z])", self.getvalue()):
            if piece in ("\n", "\r"):
                row, column = row + (piece == "\n"), 0
                rows += [""] * (row + 1 - len(rows))
            elif piece == "\x1b[2K":
                rows[row] = ""
            elif piece.startswith("\x1b"):
                row -= piece == "\x1b[1A"
            else:
                over = rows[row].ljust(column)
                rows[row] = over[:column] + piece + over[column + len(piece) :]
                column += len(piece)
        return [line.rstrip() for line in rows]


@contextlib.contextmanager
def terminal() -> Iterator[Screen]:
    screen = Screen()
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        yield screen


def drawn(progress: TerminalProgress) -> None:
    progress._every = 0.0
    progress.start(1, 10, 0, 10.0)
    progress.cell("s", "m", "p")
    progress.advance(3, 3.0, 0)


def test_printed_text_gets_its_own_lines() -> None:
    with terminal() as screen, (progress := TerminalProgress.on(screen)).beside():
        drawn(progress)
        print("from the app")
        progress.advance(3, 3.0, 0)
        print("an error", file=sys.stderr)
        print("no line end", end="")
        progress.advance(1, 1.0, 0)
    progress.finish()
    printed = screen.lines()
    for line in ("from the app", "an error", "no line end"):
        assert line in printed
    assert not any("3/10" in line for line in printed)  # drawn over, as ever


def test_the_line_shows_progress_speed_and_cell() -> None:
    with terminal() as screen, (progress := TerminalProgress.on(screen)).beside():
        drawn(progress)
        progress.advance(4, 4.0, 12_000)
        line = screen.lines()[-1]
    assert re.fullmatch(
        r"evalkit: 7/10 \(70%\) \S+ +12,000 tokens, [\d,]+/s  \d+ s left  s m/p", line
    )
    assert screen.lines()[-1] == ""


def test_a_line_longer_than_the_terminal_is_cut() -> None:
    screen = Screen()
    progress = TerminalProgress(screen, live=True, width=60)
    with progress.beside():
        progress._every = 0.0
        progress.start(1, 2, 0, 2.0)
        progress.cell("[bold]" + "long" * 30, "m", "p")
        progress.advance(1, 1.0, 0)
        line = screen.lines()[-1]
    assert len(line) <= 60
    assert "evalkit: 1/2 (50%)" in line
    assert "[bold]long" in line


def test_piped_output_stays_in_the_pipe() -> None:
    piped = io.StringIO()
    with (
        terminal() as screen,
        contextlib.redirect_stdout(piped),
        (progress := TerminalProgress.on(screen)).beside(),
    ):
        drawn(progress)
        print("a result")
    assert piped.getvalue() == "a result\n"
    assert not any("a result" in line for line in screen.lines())


def test_without_a_terminal_lines_are_plain_and_streams_untouched() -> None:
    before, told = sys.stdout, io.StringIO()
    with (progress := TerminalProgress(told, live=False)).beside():
        drawn(progress)
        assert sys.stdout is before
    assert told.getvalue() == (
        "evalkit: 1 cells, 10 requests\nevalkit: 3/10 (30%)  0 s left  s m/p\n"
    )


def test_streams_are_restored_after_an_error() -> None:
    with terminal() as screen:
        with pytest.raises(KeyboardInterrupt), TerminalProgress.on(screen).beside():
            raise KeyboardInterrupt
        assert sys.stdout is screen


def test_tests_of_code_are_counted() -> None:
    told = io.StringIO()
    progress = TerminalProgress(told, live=False, every=0.0)
    progress.start(1, 4, 0, 4.0)
    progress.cell("programs", "m", "p")
    for done in (1, 2, 3, 4):
        progress.tests(done, 4)
    assert told.getvalue().splitlines()[1:] == [
        f"evalkit: tests of {done}/4 answers run ({done * 25}%)  programs m/p"
        for done in (1, 2, 3, 4)
    ]
