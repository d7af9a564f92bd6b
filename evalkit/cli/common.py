"""Helpers shared by the commands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = object


def add_store(parser: argparse.ArgumentParser) -> None:
    """The option that names the run store."""
    parser.add_argument("--store", type=Path, default=Path(".evalkit"), metavar="DIR",
                        help="folder of the run store (default: .evalkit)")  # fmt: skip
