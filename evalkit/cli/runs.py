"""``evalkit runs``, ``report``, ``compare`` and ``export``: use stored runs."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.common import Commands, add_store, say
from evalkit.errors import UsageError
from evalkit.files import write_file

if TYPE_CHECKING:
    from evalkit.api import Run


def add(commands: Commands) -> None:
    """Add these commands."""
    _add_reports(commands)
    _add_compare(commands)
    _add_export(commands)


def _add_reports(commands: Commands) -> None:
    runs = commands.add_parser("runs", help="list the runs in the store")
    add_store(runs)
    runs.set_defaults(command=_runs)

    report = commands.add_parser(
        "report", help="render the report of a stored run, without running a model"
    )
    report.add_argument(
        "run", nargs="?", default="last", help="id, beginning of an id, or name; default: last"
    )
    report.add_argument("-o", "--output", type=Path, default=Path("report.html"),
                        help="FILE.html, FILE.json or FILE.md (default: report.html)")  # fmt: skip
    report.add_argument("--baseline", metavar="NAME|FILE",
                        help="report what changed since this run: its name or id, or a file written"
                        " by --eval-json")  # fmt: skip
    report.add_argument("--baseline-model", default="", metavar="NAME",
                        help="the baseline's model to compare every model with (default: the model"
                        " of the same name, or the only one)")  # fmt: skip
    add_store(report)
    report.set_defaults(command=_report)


def _add_compare(commands: Commands) -> None:
    compare = commands.add_parser(
        "compare", help="compare runs, or prompts and models of a run, on their common samples"
    )
    compare.add_argument("names", nargs="+", metavar="NAME",
                         help="runs (id, name, last, FILE.json), or model/prompt cells, prompts or"
                         " models of one run; the first is the reference")  # fmt: skip
    compare.add_argument("--suite", action="append", default=[], metavar="NAME",
                         help="only this suite; repeatable")  # fmt: skip
    compare.add_argument("--metric", action="append", default=[], metavar="NAME",
                         help="this score; repeatable; all: every score (default: the first of"
                         " the suite)")  # fmt: skip
    compare.add_argument("--baseline-model", default="", metavar="NAME",
                         help="of two runs, the first run's model to compare every model with"
                         " (default: the model of the same name, or the only one)")  # fmt: skip
    compare.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        help="confidence level of the intervals (default: 0.95)",
    )
    compare.add_argument("--json", type=Path, metavar="FILE", help="also write JSON")
    compare.add_argument("--markdown", type=Path, metavar="FILE", help="also write Markdown")
    add_store(compare)
    compare.set_defaults(command=_compare)


def _add_export(commands: Commands) -> None:
    export = commands.add_parser("export", help="write a stored run as a table")
    export.add_argument(
        "run", nargs="?", default="last", help="id, beginning of an id, or name; default: last"
    )
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE",
                        help="FILE.csv, FILE.parquet or FILE.json")  # fmt: skip
    export.add_argument("--what", default="samples",
                        choices=("samples", "scores", "gates", "judgments"),
                        help="one row per sample and cell, per score, per gate, or per judgment"
                        " (default: samples)")  # fmt: skip
    export.add_argument("--raw", action="store_true",
                        help="write texts to CSV as they are; default: an apostrophe before those"
                        " that a spreadsheet would compute, such as =1+1")  # fmt: skip
    add_store(export)
    export.set_defaults(command=_export)


_ENDED_EARLY = {"killed": "was killed: its process is gone", "interrupted": "was interrupted"}


def _runs(options: argparse.Namespace) -> int:
    from evalkit.api import open_store
    from evalkit.reporting.text_table import print_table

    with open_store(options.store) as store:
        runs = store.runs()
        rows = [
            (run["id"], run["started"][:19], run["status"], f"{run['cells']} cells",
             f"({run['label']})" if run["label"] else "")
            for run in runs
        ]  # fmt: skip
        print_table([""] * 5, rows)
        if runs and runs[0]["status"] in _ENDED_EARLY:
            command = store.run(runs[0]["id"], samples=False).provenance.command
            say(f"\n{runs[0]['id']} {_ENDED_EARLY[runs[0]['status']]}. Its responses are cached;"
                  f" run the same command to continue: {command}".rstrip(" :"))  # fmt: skip
    return 0


def _report(options: argparse.Namespace) -> int:
    from evalkit.api import load_run, open_store
    from evalkit.runner.baseline import load_baseline

    run = load_run(options.run, options.store)
    _warn_unfinished(run)
    named, model = options.baseline, options.baseline_model
    baseline = load_baseline(named, open_store(options.store)) if named else None
    writers: dict[str, Callable[[Path], None]] = {
        ".html": partial(run.to_html, baseline=baseline, baseline_model=model),
        ".json": run.to_json,
        ".md": partial(run.to_markdown, baseline=baseline, baseline_model=model),
    }
    write = writers.get(options.output.suffix)
    if write is None:
        raise UsageError(
            f"{options.output}: expected a file ending in {', '.join(writers)}, which selects the"
            " format"
        )
    write(options.output)
    say(f"{options.output}: run {run.id}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    """Returns 0 even if the scores differ; 1 if two cells have no score to compare."""
    from evalkit.api import compare
    from evalkit.reporting import comparison

    if not 0.5 <= options.confidence < 1:
        raise UsageError(f"--confidence {options.confidence}: expected a level such as 0.95")
    found = compare(
        *options.names,
        store=options.store,
        suites=options.suite,
        metrics=options.metric,
        confidence=options.confidence,
        baseline_model=options.baseline_model,
    )
    for line in comparison.comparison_lines(found):
        say(line)
    if options.json:
        text = json.dumps(comparison.comparison_document(found), ensure_ascii=True, indent=1)
        write_file(options.json, text + "\n")
    if options.markdown:
        write_file(options.markdown, comparison.comparison_markdown(found))
    empty = [one for one in found if not any(math.isfinite(s.difference) for s in one.scores)]
    for one in empty:
        say(f"{one.suite}: {one.a} and {one.b} have no score to compare", error=True)
    return 1 if empty else 0


def _warn_unfinished(run: Run) -> None:
    if run.record.status != "finished":
        print(f"run {run.id} did not finish ({run.record.status}): its gates are not decided",
              file=sys.stderr)  # fmt: skip


def _export(options: argparse.Namespace) -> int:
    from evalkit.api import load_run

    run = load_run(options.run, options.store)
    _warn_unfinished(run)
    run.export(options.output, options.what, raw=options.raw)
    say(f"{options.output}: {options.what} of run {run.id}")
    return 0
