"""``evalkit schema``, ``validate`` and ``list``: inspect suites without running them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from evalkit import content
from evalkit.cli.common import Commands, say
from evalkit.errors import SpecError, UsageError
from evalkit.spec.files import ON_REQUEST, SUFFIXES


def add(commands: Commands) -> None:
    """Add these commands."""
    schema = commands.add_parser("schema", help="print the JSON Schema of a suite file")
    schema.add_argument(
        "--judge", action="store_true", help="print the schema of a rubric file instead"
    )
    schema.set_defaults(command=_schema)

    validate = commands.add_parser("validate", help="check suites and rubrics without running them")
    validate.add_argument("paths", nargs="+", type=Path, metavar="PATH",
                          help="a suite, a rubric (*.judge.yaml) or a folder")  # fmt: skip
    validate.set_defaults(command=_validate)

    listing = commands.add_parser("list", help="list suites: task, samples, prompts, licence")
    listing.add_argument("paths", nargs="*", type=Path, metavar="PATH",
                         help="a suite or a folder; default: the shipped suites")  # fmt: skip
    listing.set_defaults(command=_list)


def _schema(options: argparse.Namespace) -> int:
    from evalkit.judging.schema import rubric_schema
    from evalkit.spec.schema import suite_schema

    say(json.dumps(rubric_schema() if options.judge else suite_schema(), indent=2))
    return 0


def suite_files(paths: Sequence[Path], *, on_request: bool = False) -> list[Path]:
    """The suite files at and below some paths, sorted. Raises UsageError.

    on_request: include suites that run only on request, in folders that are not named.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.name.endswith(SUFFIXES))
            if not on_request:
                below = [p for p in below if not _by_request(p.parent, path)]
            if not below:
                raise UsageError(f"{path}: no suite in this folder (expected *.eval.yaml)")
            found += below
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path}: no such file or folder")
    return found


def rubric_files(paths: Sequence[Path]) -> list[Path]:
    """The rubric files at and below some paths, sorted."""
    found: list[Path] = []
    for path in paths:
        below = path.rglob("*.judge.yaml") if path.is_dir() else [path]
        found += sorted(p for p in below if p.name.endswith(".judge.yaml") and p.is_file())
    return found


def _only_rubrics(path: Path, rubrics: Sequence[Path]) -> bool:
    """Whether a folder contains rubrics and no suite."""
    inside = path.is_dir() and any(rubric.is_relative_to(path) for rubric in rubrics)
    return inside and not any(p.name.endswith(SUFFIXES) for p in path.rglob("*"))


def _validate_rubrics(paths: Sequence[Path]) -> int:
    """Check rubrics; returns the number of problems."""
    from evalkit.judging.load import load_rubric

    wrong = 0
    for path in paths:
        try:
            rubric = load_rubric(path)
        except SpecError as error:
            wrong += len(error.problems)
            say(error, error=True)
        else:
            say(f"{path}: ok ({rubric.mode} rubric)")
    return wrong


def _by_request(folder: Path, named: Path) -> bool:
    """True if a folder below the named one, or one between them, is marked."""
    between = [folder, *folder.parents][: len(folder.relative_to(named).parts)]
    return any((one / ON_REQUEST).is_file() for one in between)


def _validate(options: argparse.Namespace) -> int:
    from evalkit.experiment import Experiment

    rubrics = rubric_files(options.paths)
    wrong = _validate_rubrics(rubrics)
    others = [p for p in options.paths if p not in rubrics and not _only_rubrics(p, rubrics)]
    for path in suite_files(others):
        try:
            loaded = Experiment(path.parent).load(path)
        except SpecError as error:
            wrong += len(error.problems)
            say(error, error=True)
        else:
            for doubt in loaded.doubts:
                say(f"{doubt} (a warning)", error=True)
            say(f"{path}: ok ({loaded.suite.task}, {loaded.dataset.total} samples,"
                  f" {len(loaded.variants)} prompts, {len(loaded.suite.gates)} gates)")  # fmt: skip
    if wrong:
        say(f"{wrong} problem{'s' if wrong > 1 else ''} found", error=True)
    return 2 if wrong else 0


def _list(options: argparse.Namespace) -> int:
    from evalkit.reporting.text_table import print_table
    from evalkit.spec.load import load_checked, load_suite

    paths = options.paths or [content.folder("suites")]
    rows = []
    found = suite_files(paths, on_request=True)
    for path in sorted(found, key=lambda path: (len(path.parts), path)):
        # List a suite even if its metrics are not installed.
        suite = load_suite(path)
        # Listing does not download data, so samples on the hub are not counted.
        samples = "hub" if suite.data.hf else str(load_checked(path).dataset.total)
        prompts = ", ".join(suite.prompts)
        rows.append((suite.suite, suite.task, samples, prompts, suite.licence, _short(path)))
    print_table(("suite", "task", "samples", "prompts", "licence", "file"), rows, right=[2])
    return 0


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
