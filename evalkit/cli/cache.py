"""``evalkit cache``: explain the response cache."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.common import Commands, add_store, say


def add(commands: Commands) -> None:
    """Add these commands."""
    cache = commands.add_parser("cache", help="explain the response cache")
    about = cache.add_subparsers(title="commands", required=True, metavar="COMMAND")
    explain = about.add_parser(
        "explain", help="explain why samples of a suite are not in the cache"
    )
    explain.add_argument("suite", type=Path, help="a suite file")
    explain.add_argument("--model", action="append", default=[], metavar="NAME",
                         help="a model, as --eval-model takes it; repeatable")  # fmt: skip
    explain.add_argument("--limit", type=int, metavar="N", help="the run's --eval-limit")
    add_store(explain)
    explain.set_defaults(command=_explain)


def _explain(options: argparse.Namespace) -> int:
    from evalkit.api import explain_cache, open_store

    with open_store(options.store) as store:
        for line in explain_cache(options.suite, options.model, store, limit=options.limit):
            say(line)
    return 0
