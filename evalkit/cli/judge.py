"""``evalkit judge calibrate`` and ``judge certificates``: whether a judge can be trusted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit import content
from evalkit.cli.common import Commands, add_store, say
from evalkit.errors import UsageError, unknown
from evalkit.written.printable import one_line

if TYPE_CHECKING:
    from evalkit.judging.certificate import Certificate, Figure

_WORDS = {
    "kappa": "Cohen's kappa",
    "weighted_kappa": "weighted kappa (quadratic)",
    "agreement": "agreement with people",
    "sensitivity": "sensitivity (criterion met)",
    "specificity": "specificity (criterion not met)",
    "spearman": "Spearman's rho",
    "kendall": "Kendall's tau-b",
    "repetition": "same answer when repeated",
    "swap_consistency": "same verdict in both orders",
    "position_bias": "position bias (first chosen, minus 1/2)",
    "length_bias": "length bias (per 100 words)",
    "self_preference": "self-preference",
}


def add(commands: Commands) -> None:
    """Add these commands."""
    judge = commands.add_parser("judge", help="calibrate a judge, list certificates")
    about = judge.add_subparsers(title="commands", required=True, metavar="COMMAND")
    calibrate = about.add_parser(
        "calibrate", help="compare a judge with human ratings and write a certificate"
    )
    calibrate.add_argument("rubric", help="the name or file of a rubric")
    calibrate.add_argument("--judge", required=True, metavar="NAME",
                           help="a judge or a model, as --eval-judge takes it; for the rubric"
                           " refusal also `rules`, evalkit's rules")  # fmt: skip
    calibrate.add_argument("--rules-first", action="store_true",
                           help="rubric refusal: the rules grade the answers they are sure of,"
                           " as with `refusals: {method: both}`")  # fmt: skip
    calibrate.add_argument("--labels", required=True, type=Path, metavar="FILE",
                           help="a table of answers with human ratings")  # fmt: skip
    calibrate.add_argument("--rating", action="append", default=[], metavar="COLUMN",
                           help="column of a rater; repeatable (default: rating)")  # fmt: skip
    calibrate.add_argument("--family", default="", metavar="NAME",
                           help="the family of the judge, as named in the labels")  # fmt: skip
    calibrate.add_argument("--method", choices=("choice", "structured", "text", "entailment"),
                           help="how grades are extracted (default: as in a run)")  # fmt: skip
    calibrate.add_argument("--reasoning", action="store_true", default=None,
                           help="reason before grading")  # fmt: skip
    calibrate.add_argument("--repeats", type=int, default=2, metavar="N",
                           help="requests per case with written replies (default: 2)")  # fmt: skip
    calibrate.add_argument("--output", type=Path, metavar="DIR",
                           help="folder to write to (default: that of the rubric)")  # fmt: skip
    calibrate.add_argument("--no-cache", action="store_true", help="ignore cached responses")
    add_store(calibrate)
    calibrate.set_defaults(command=_calibrate)
    listing = about.add_parser("certificates", help="list the certificates of this project")
    listing.set_defaults(command=_certificates)


def _calibrate(options: argparse.Namespace) -> int:
    from evalkit.answers.refusal_rules import RULES
    from evalkit.judging.calibrate import calibrate, calibrate_rules
    from evalkit.judging.calibration_labels import read_labels
    from evalkit.judging.judge_set import make_judge_set
    from evalkit.judging.load import Judged, load_rubric
    from evalkit.reporting.progress import TerminalProgress
    from evalkit.spec.judges import JudgeSpec
    from evalkit.spec.project import find_project
    from evalkit.store import Store

    project = find_project(Path.cwd())
    path = _rubric(options.rubric, project.root)
    rubric = load_rubric(path)
    labels = read_labels(options.labels, rubric, options.rating)
    if (options.judge == RULES or options.rules_first) and rubric.name != "refusal":
        raise UsageError(
            f"the rules grade only the rubric refusal, not '{rubric.name}'; name a judge"
        )
    if options.judge == RULES:
        return _written(calibrate_rules(labels, rubric), path, project.root, options.output)
    spec = JudgeSpec(rubric=rubric.name, method=options.method, reasoning=options.reasoning)
    judge_set = make_judge_set([], [options.judge], project, {}, {})
    if len(judge_set.judges) > 1:
        raise UsageError(
            "a certificate is for one judge; calibrate the judges of a panel one by one"
        )
    certificate = calibrate(
        Judged(spec, rubric, rubric.name, 0, after_rules=options.rules_first),
        next(iter(judge_set.judges.values())),
        labels,
        Store(options.store),
        family=options.family,
        repeats=options.repeats,
        use_cache=not options.no_cache,
        progress=TerminalProgress.on(sys.stderr),
    )
    return _written(certificate, path, project.root, options.output)


def _written(certificate: Certificate, rubric: Path, root: Path, folder: Path | None) -> int:
    """Print a certificate and write it to its rubric's folder, or to another."""
    from evalkit.judging.certificate import write_certificate

    for line in certificate_lines(certificate):
        say(line)
    written = write_certificate(certificate, folder or _beside(rubric, root))
    say(f"\ncertificate: {written}")
    if not certificate.identity:
        say("this judge has no fingerprint, so no gate can require the certificate", error=True)
    return 0


def _rubric(name: str, root: Path) -> Path:
    from evalkit.judging.load import known_rubrics
    from evalkit.judging.rubric import is_path

    if is_path(name):
        if not Path(name).is_file():
            raise UsageError(f"{name}: no such rubric")
        return Path(name)
    known = known_rubrics(root)
    if name not in known:
        raise UsageError(unknown("rubric", name, list(known)))
    return known[name]


def _beside(rubric: Path, root: Path) -> Path:
    """The rubric's folder; for a rubric shipped with evalkit, that of the project."""
    folder = rubric.resolve().parent
    own = folder.is_relative_to(root.resolve()) and "_content" not in folder.parts
    return folder if own else root / "judges"


def certificate_lines(certificate: Certificate) -> Iterator[str]:
    """A certificate as lines of text."""
    from evalkit.judging.certificate import too_few

    labels, asked = certificate.labels, certificate.asked
    raters = f"{labels.raters} rater" + ("s" if labels.raters > 1 else "")
    reasons = ", reasoning first" if asked.reasoning else ""
    yield (
        f"{certificate.rubric}, judged by {one_line(certificate.judge.name)}"
        f" ({asked.method}{reasons}): {len(certificate.labelled)} of {labels.cases} cases,"
        f" {raters}"
    )
    if labels.alpha is not None:
        low, high = labels.alpha_low, labels.alpha_high
        span = "" if low is None or high is None else f"  [{low:+.2f}, {high:+.2f}]"
        yield f"agreement of the raters: Krippendorff's alpha {labels.alpha:+.2f}{span}"
    bad = {status: n for status, n in certificate.statuses.items() if status != "ok"}
    if bad:
        yield "replies without a grade: " + ", ".join(f"{n} {s}" for s, n in bad.items())
    if few := too_few(len(certificate.labelled)):
        yield f"gates do not accept it, and scores are not corrected by it: {few}"
    yield ""
    for name, figure in certificate.figures.items():
        yield f"  {_WORDS.get(name, name):<38} {_shown(figure)}"
    confusion = certificate.confusion
    for criterion, counts in confusion.counts.items():
        if ", " in criterion:
            continue  # one of many categories of refusals
        yield ""
        yield f"  {criterion}: people in rows, the judge in columns"
        longest = max(map(len, confusion.labels))
        wide = max(6, longest + 2)
        yield "  " + " " * max(8, longest) + "".join(f"{name:>{wide}}" for name in confusion.labels)
        for label, row in zip(confusion.labels, counts, strict=True):
            yield f"  {label:>{max(8, longest)}}" + "".join(f"{count:>{wide}}" for count in row)


def _shown(figure: Figure) -> str:
    if figure.value != figure.value:
        return f"undefined: {figure.why}" if figure.why else "undefined"
    span = f"[{figure.low:+.2f}, {figure.high:+.2f}]" if figure.low == figure.low else ""
    return f"{figure.value:+.2f}  {span}  n {figure.n}"


def _certificates(_: argparse.Namespace) -> int:
    from evalkit.judging.certificate import certificates_in
    from evalkit.reporting.text_table import print_table
    from evalkit.spec.project import find_project

    folders = [find_project(Path.cwd()).root / "judges", content.folder("judges")]
    rows = []
    for one in certificates_in(folders):
        kappa = one.figures.get("kappa")
        known = f"kappa {_shown(kappa)}" if kappa else ""
        rows.append((one.made, one.rubric, one.judge.name, one.asked.method, known))
    print_table([""] * 5, rows)
    return 0
