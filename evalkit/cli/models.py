"""``evalkit models``, ``models check``, ``fit`` and ``parity``: list, check, compare models."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from evalkit.cli.common import Commands, add_store, say
from evalkit.errors import EvalkitError, UsageError
from evalkit.files import write_file
from evalkit.written.printable import one_line

NAMED = "a model's name, or backend:name?key=value"


def add(commands: Commands) -> None:
    """Add these commands."""
    models = commands.add_parser("models", help="list the available models, or check one")
    models.set_defaults(command=_models)
    about = models.add_subparsers(title="commands", metavar="COMMAND")
    check = about.add_parser("check", help="send a request to a model and report what it supports")
    check.add_argument("model", help=NAMED)
    check.add_argument("--prompt", metavar="TEXT", help="the prompt to send")
    check.set_defaults(command=_check)

    fit = commands.add_parser(
        "fit", help="report whether a model fits into memory, without loading it"
    )
    fit.add_argument("model", help=NAMED)
    fit.set_defaults(command=_fit)

    parity = commands.add_parser(
        "parity", help="report where two models, backends or precisions answer a suite differently"
    )
    parity.add_argument("a", metavar="A", help=f"{NAMED}; the reference")
    parity.add_argument("b", metavar="B", help="the model to compare")
    parity.add_argument("--suite", required=True, type=Path, metavar="FILE", help="a suite file")
    parity.add_argument("--prompt", action="append", default=[], metavar="NAME",
                        help="only this prompt; repeatable")  # fmt: skip
    parity.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="maximum number of samples: a random subset, always the same",
    )
    parity.add_argument("--metric", action="append", default=[], metavar="NAME",
                        help="this score; repeatable; all: every score (default: the first"
                        " of the suite)")  # fmt: skip
    parity.add_argument("--json", type=Path, metavar="FILE", help="also write JSON")
    parity.add_argument("--markdown", type=Path, metavar="FILE", help="also write Markdown")
    add_store(parity)
    parity.set_defaults(command=_parity)


def _models(_: argparse.Namespace) -> int:
    """List declared and built-in models. Returns 2 if a declaration is wrong."""
    from evalkit.models import registry
    from evalkit.reporting.text_table import print_table
    from evalkit.spec.project import find_project

    project = find_project(Path.cwd())
    rows: list[tuple[str, ...]] = []
    wrong: list[str] = []
    for declaration in project.models.values():
        place = f"{Path(declaration.file).name}:{declaration.line}"
        mark = " (default)" if declaration.name in project.default else ""
        try:
            registry.resolve(declaration)
        except EvalkitError as error:
            wrong.append(str(error))
            mark += " (wrong)"
        model = str(declaration.options.get("model", ""))
        rows.append((declaration.name + mark, declaration.backend, model, place))
    for name, options in registry.BUILTIN_MODELS.items():
        if name not in project.models:
            rows.append((name, "transformers", str(options["model"]), "built in"))
    print_table(("name", "backend", "model", "declared in"), rows)
    say(f"\nbackends: {', '.join(registry.backends())}")
    for message in wrong:
        say(message, error=True)
    return 2 if wrong else 0


def _check(options: argparse.Namespace) -> int:
    """Returns 0 if the model responds, else 1."""
    from evalkit.models.probe import probe
    from evalkit.models.resolve import make_models
    from evalkit.spec.project import find_project

    model = make_models([options.model], find_project(Path.cwd()), {})[options.model]
    failed = False
    for finding in probe(model, options.prompt or ""):
        word = {True: "yes: ", False: "no: ", None: ""}[finding.works]
        first, *rest = (one_line(line) for line in finding.detail.splitlines() or [""])
        say(f"{finding.name:<16}{'' if finding.name == 'answer' and finding.works else word}"
              + f"\n{'':<16}".join([first, *rest]))  # fmt: skip
        failed = failed or (finding.required and finding.works is False)
    return 1 if failed else 0


def _fit(options: argparse.Namespace) -> int:
    from evalkit.models.resolve import make_models
    from evalkit.reporting.text_table import print_table
    from evalkit.spec.project import find_project

    model = make_models([options.model], find_project(Path.cwd()), {})[options.model]
    measure = getattr(model, "estimate_memory", None)
    if measure is None:
        raise UsageError(
            f"{options.model}: evalkit estimates memory only for the transformers backend"
        )
    rows = []
    for row in measure():
        sizes = [f"{size / 1e9:.2f} GB" for size in (row.weights, row.cache, row.batch, row.total)]
        rows.append((row.precision, *sizes, {True: "yes", False: "no", None: "unknown"}[row.fits]))
    header = ("precision", "weights", "cache", "batch", "total", "fits")
    print_table(header, rows, right=range(1, 5))
    return 0


def _parity(options: argparse.Namespace) -> int:
    """Returns 0 even if the models differ, which the reader judges; 1 if one gives no answers, or
    none that could be read."""
    from evalkit.api import evaluate
    from evalkit.comparing.parity import parity
    from evalkit.reporting.parity import parity_document, parity_lines, parity_markdown

    if options.a == options.b:
        raise UsageError(f"parity compares two models, but both are '{options.a}'; name another")
    run = evaluate(
        options.suite,
        models=[options.a, options.b],
        prompts=options.prompt,
        limit=options.limit,
        store=options.store,
    )
    found = parity(run.record, options.a, options.b, metrics=options.metric, registry=run.registry)
    if not found:
        raise UsageError(f"'{options.a}' and '{options.b}' have no prompt in common in this suite")
    for line in parity_lines(found):
        say(line)
    if options.json:
        text = json.dumps(parity_document(found), ensure_ascii=True, indent=1)
        write_file(options.json, text + "\n")
    if options.markdown:
        write_file(options.markdown, parity_markdown(found))
    return 1 if any(error for one in found for error in one.errors) else 0
