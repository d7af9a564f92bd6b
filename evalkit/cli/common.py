"""Helpers shared by the commands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from evalkit.written.printable import block

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = object


def add_store(parser: argparse.ArgumentParser) -> None:
    """The option that names the run store."""
    parser.add_argument("--store", type=Path, default=Path(".evalkit"), metavar="DIR",
                        help="folder of the run store (default: .evalkit)")  # fmt: skip


def say(text: object, *, error: bool = False) -> None:
    """Print to standard output, or to standard error, nothing that a terminal or a log obeys."""
    print(block(str(text)), file=sys.stderr if error else sys.stdout, flush=True)
