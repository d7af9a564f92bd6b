"""The command ``evalkit``, one module per group of commands. pytest runs the evaluations."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from evalkit import __version__
from evalkit.cli import cache, judge, models, runs, suites
from evalkit.cli.common import say
from evalkit.errors import EvalkitError, project_errors
from evalkit.exit_guard import hold_exits, release_exits

GROUPS = (suites, runs, models, judge, cache)
"""Modules of commands; each has ``add(commands)``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. The exit status is 0, 1 or 2 as the command defines it, 2 after an error, 130
    after Ctrl-C, or 141 where nobody reads the output. Code of the project cannot make it 0."""
    options = _parser().parse_args(arguments)
    status = 2
    hold_exits()
    try:
        status = _status(options)
    finally:
        release_exits(status)
    return status


def _status(options: argparse.Namespace) -> int:
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        with project_errors():
            return command(options)
    except EvalkitError as error:
        say(error, error=True)
        return 2
    except BrokenPipeError:  # as a program that SIGPIPE ends
        return 141
    except OSError as error:  # an unwritable file, a full disk
        say(f"{error.filename or 'evalkit'}: {error.strerror or error}", error=True)
        return 2
    except KeyboardInterrupt:
        say("interrupted", error=True)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evalkit",
        description="pytest for language models. To evaluate, run pytest on suites:"
        " pytest suites/ --eval-model smollm2 --eval-report report.html",
    )
    parser.add_argument("--version", action="version", version=f"evalkit {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return parser
