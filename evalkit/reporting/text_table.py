"""Tables as plain text, laid out by rich: wide characters take two places."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from evalkit.written.printable import one_line

if TYPE_CHECKING:
    from rich.table import Table

Rows = Iterable[Sequence[str]]
_UNBOUNDED = 100_000


def table_lines(header: Sequence[str], rows: Rows, *, right: Iterable[int] = ()) -> list[str]:
    """The lines of a table, as wide as its cells. right: the columns of numbers."""
    from rich.console import Console

    written = StringIO()
    console = Console(
        file=written, width=_UNBOUNDED, color_system=None, force_terminal=False,
        markup=False, highlight=False, emoji=False,
    )  # fmt: skip
    console.print(_table(header, rows, right))
    return [line.rstrip() for line in written.getvalue().splitlines()]


def print_table(header: Sequence[str], rows: Rows, *, right: Iterable[int] = ()) -> None:
    """Print a table: folded to the terminal's width, or as wide as its cells in a file or pipe.

    Without a row and a header nothing is printed.
    """
    rows = list(rows)
    if not rows and not any(header):
        return
    if not sys.stdout.isatty():
        print("\n".join(table_lines(header, rows, right=right)))
        return
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    console.print(_table(header, rows, right))


def _table(header: Sequence[str], rows: Rows, right: Iterable[int]) -> Table:
    from rich.table import Table

    numbers = set(right)
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=any(header)
    )
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(one_line, row))
    return table
