"""``evalkit …``: a thin face on the rest. Evaluating itself is pytest's job."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from evalkit import __version__, content
from evalkit.errors import EvalkitError, SpecError, UsageError

SUFFIXES = (".eval.yaml", ".eval.yml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, or 2 when something is wrong with what was given."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except EvalkitError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evalkit",
        description="pytest for language models. To evaluate, run pytest on suites:"
        " pytest suites/ --eval-model smollm2 --eval-report report.html",
    )
    parser.add_argument("--version", action="version", version=f"evalkit {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    schema = commands.add_parser("schema", help="print the JSON Schema of a suite file")
    schema.set_defaults(command=_schema)

    validate = commands.add_parser("validate", help="check suites without running them")
    validate.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a suite or a folder")
    validate.set_defaults(command=_validate)

    listing = commands.add_parser("list", help="list suites: task, samples, prompts, licence")
    listing.add_argument("paths", nargs="*", type=Path, metavar="PATH",
                         help="a suite or a folder; default: those shipped")  # fmt: skip
    listing.set_defaults(command=_list)

    runs = commands.add_parser("runs", help="list the runs in the store")
    _add_store(runs)
    runs.set_defaults(command=_runs)

    report = commands.add_parser("report", help="render a stored run again, without any model")
    report.add_argument(
        "run", nargs="?", default="last", help="id, start of it, or name; default: last"
    )
    report.add_argument("-o", "--output", type=Path, default=Path("report.html"),
                        help="FILE.html, FILE.json or FILE.md (default: report.html)")  # fmt: skip
    _add_store(report)
    report.set_defaults(command=_report)

    compare = commands.add_parser(
        "compare", help="compare runs, or prompts and models of a run, on the samples both have"
    )
    compare.add_argument("names", nargs="+", metavar="NAME",
                         help="runs (id, name, last, FILE.json), or model/prompt cells, prompts or"
                         " models of one run; the first is compared with")  # fmt: skip
    compare.add_argument("--suite", action="append", default=[], metavar="NAME",
                         help="only this suite; may be given several times")  # fmt: skip
    compare.add_argument("--metric", action="append", default=[], metavar="NAME",
                         help="this score; may be given several times; all: every score"
                         " (default: the first of the suite)")  # fmt: skip
    compare.add_argument("--confidence", type=float, default=0.95, help="of the intervals")
    compare.add_argument("--json", type=Path, metavar="FILE", help="write it as JSON too")
    compare.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown too")
    _add_store(compare)
    compare.set_defaults(command=_compare)

    export = commands.add_parser("export", help="write a stored run as a table")
    export.add_argument(
        "run", nargs="?", default="last", help="id, start of it, or name; default: last"
    )
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE",
                        help="FILE.csv, FILE.parquet or FILE.json")  # fmt: skip
    export.add_argument("--what", choices=("samples", "scores", "gates"), default="samples",
                        help="one row per sample and cell, per score, or per gate"
                        " (default: samples)")  # fmt: skip
    _add_store(export)
    export.set_defaults(command=_export)

    fit = commands.add_parser(
        "fit", help="tell whether a model fits into memory, before loading it"
    )
    fit.add_argument("model", help="a model's name, or backend:name?key=value")
    fit.set_defaults(command=_fit)

    cache = commands.add_parser("cache", help="about the response cache")
    about = cache.add_subparsers(title="commands", required=True, metavar="COMMAND")
    explain = about.add_parser("explain", help="say why samples of a suite are not in the cache")
    explain.add_argument("suite", type=Path, help="a suite file")
    explain.add_argument("--model", action="append", default=[], metavar="NAME")
    explain.add_argument("--limit", type=int, metavar="N", help="as in the run: --eval-limit")
    _add_store(explain)
    explain.set_defaults(command=_explain)
    return parser


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=Path(".evalkit"), metavar="DIR",
                        help="folder of the run store (default: .evalkit)")  # fmt: skip


def _schema(_: argparse.Namespace) -> int:
    from evalkit.spec.schema import suite_schema

    print(json.dumps(suite_schema(), indent=2))
    return 0


def suite_files(paths: Sequence[Path]) -> list[Path]:
    """The suite files among and below some paths, sorted. Raises UsageError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.name.endswith(SUFFIXES))
            if not below:
                raise UsageError(f"{path}: no suite below this folder (expected *.eval.yaml)")
            found += below
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path}: no such file or folder")
    return found


def _validate(options: argparse.Namespace) -> int:
    from evalkit.runner.vocabulary import vocabulary
    from evalkit.spec.load import load_checked
    from evalkit.spec.project import find_project

    wrong = 0
    for path in suite_files(options.paths):
        try:
            loaded = load_checked(path, vocabulary(find_project(path)))
        except SpecError as error:
            wrong += len(error.problems)
            print(error, file=sys.stderr)
        else:
            print(f"{path}: ok ({loaded.suite.task}, {loaded.dataset.total} samples,"
                  f" {len(loaded.variants)} prompts, {len(loaded.suite.gates)} gates)")  # fmt: skip
    if wrong:
        print(f"{wrong} problem{'s' if wrong > 1 else ''} found", file=sys.stderr)
    return 2 if wrong else 0


def _list(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from evalkit.runner.vocabulary import vocabulary
    from evalkit.spec.load import load_checked
    from evalkit.spec.project import find_project

    paths = options.paths or [content.folder("suites")]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("suite", "task", "samples", "prompts", "licence", "file"):
        table.add_column(name, justify="right" if name == "samples" else "left", overflow="fold")
    for path in suite_files(paths):
        loaded = load_checked(path, vocabulary(find_project(path)))
        suite = loaded.suite
        prompts = ", ".join(loaded.variants)
        shown = _short(path)
        table.add_row(
            suite.suite, suite.task, str(loaded.dataset.total), prompts, suite.licence, shown
        )
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False, markup=False).print(table)
    return 0


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _runs(options: argparse.Namespace) -> int:
    from evalkit.api import open_store

    with open_store(options.store) as store:
        for run in store.runs():
            name = f"  ({run['label']})" if run["label"] else ""
            print(f"{run['id']}  {run['started'][:19]}  {run['status']:<11}"
                  f" {run['cells']} cells{name}")  # fmt: skip
    return 0


def _report(options: argparse.Namespace) -> int:
    from evalkit.api import load_run

    run = load_run(options.run, options.store)
    writers = {".html": run.to_html, ".json": run.to_json, ".md": run.to_markdown}
    write = writers.get(options.output.suffix)
    if write is None:
        raise UsageError(
            f"{options.output}: expected a file ending in {', '.join(writers)}; the ending says"
            " what is written"
        )
    write(options.output)
    print(f"{options.output}: run {run.id}")
    return 0


def _compare(options: argparse.Namespace) -> int:
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
    )
    for line in comparison.comparison_lines(found):
        print(line)
    if options.json:
        text = json.dumps(comparison.comparison_document(found), ensure_ascii=True, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(comparison.comparison_markdown(found), encoding="utf-8")
    return 0


def _export(options: argparse.Namespace) -> int:
    from evalkit.api import load_run

    run = load_run(options.run, options.store)
    run.export(options.output, options.what)
    print(f"{options.output}: {options.what} of run {run.id}")
    return 0


def _fit(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from evalkit.runner.targets import make_models
    from evalkit.spec.project import find_project

    model = make_models([options.model], find_project(Path.cwd()), {})[options.model]
    measure = getattr(model, "fit", None)
    if measure is None:
        raise UsageError(f"{options.model}: only models of the transformers backend are measured")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("precision", "weights", "cache", "batch", "total", "fits"):
        table.add_column(name, justify="left" if name in ("precision", "fits") else "right")
    for row in measure():
        sizes = [f"{size / 1e9:.2f} GB" for size in (row.weights, row.cache, row.batch, row.total)]
        table.add_row(row.precision, *sizes, {True: "yes", False: "no", None: "unknown"}[row.fits])
    Console(width=None if sys.stdout.isatty() else 100, highlight=False, markup=False).print(table)
    return 0


def _explain(options: argparse.Namespace) -> int:
    from evalkit.api import explain_cache, open_store

    with open_store(options.store) as store:
        for line in explain_cache(options.suite, options.model, store, limit=options.limit):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
