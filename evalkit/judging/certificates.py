"""Certificates in a run: whether a gate may trust a judge, and corrected scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evalkit import content
from evalkit.answers.refusal_rules import RULES, rules_identity
from evalkit.errors import EvalkitError
from evalkit.judging.certificate import (
    RULES_ASKED,
    SUFFIX,
    Asking,
    Certificate,
    certificates_in,
    identity_of,
    shortfalls,
    too_few,
)
from evalkit.judging.correction import Corrected, corrected_mean, corrected_rate
from evalkit.judging.judge_set import Judge, JudgeSet, asked_how
from evalkit.judging.load import Judged
from evalkit.judging.rubric import NO, YES, is_path
from evalkit.models.model_errors import model_errors
from evalkit.records import ScoreRecord
from evalkit.records.analyses import CertificateFigure, CertificateSummary, CorrectedScore
from evalkit.records.names import ScoreName
from evalkit.spec.load import LoadedSuite
from evalkit.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Standing:
    """A judge of a score: its certificate, or why it has none and what to do."""

    judge: str
    certificate: Certificate | None
    why: str = ""


def standings(judged: Judged, judge_set: JudgeSet, folder: Path) -> list[Standing]:
    """Every judge of an entry with its newest certificate. folder: that of the suite."""
    folders = [judge_set.root / "judges", content.folder("judges")]
    if isinstance(judged.spec.rubric, str) and is_path(judged.spec.rubric):
        folders.insert(0, (folder / judged.spec.rubric).parent)
    try:
        known = _known(tuple(folders), _state(folders))
    except EvalkitError as error:
        return [Standing(judge.name, None, str(error)) for judge in judge_set.of(judged)]
    return [_standing(judged, judge, known) for judge in judge_set.of(judged)]


def refusal_standings(loaded: LoadedSuite, judge_set: JudgeSet) -> list[Standing]:
    """The graders of a suite's refusals: the rules, or judges with or without the rules."""
    judged = next((entry for entry in loaded.judged if entry.is_refusals), None)
    if judged is None:
        return [rules_standing(judge_set)]
    return standings(judged, judge_set, loaded.suite.path.parent)


def rules_standing(judge_set: JudgeSet) -> Standing:
    """The refusal rules with the newest certificate for this version of them."""
    folders = [judge_set.root / "judges", content.folder("judges")]
    try:
        known = _known(tuple(folders), _state(folders))
    except EvalkitError as error:
        return Standing(RULES, None, str(error))
    for certificate in known:
        if certificate.fits("", rules_identity(), RULES_ASKED):
            return Standing(RULES, certificate)
    return Standing(
        RULES,
        None,
        "the gate requires a certificate for the refusal rules, and none exists for those of this"
        " version of evalkit; run: evalkit judge calibrate refusal --judge rules --labels FILE",
    )


def _state(folders: Sequence[Path]) -> tuple[tuple[str, int], ...]:
    files = [path for folder in folders if folder.is_dir() for path in folder.glob(f"*{SUFFIX}")]
    return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=8)
def _known(folders: tuple[Path, ...], state: object) -> list[Certificate]:
    return certificates_in(folders)


def _standing(judged: Judged, judge: Judge, known: Sequence[Certificate]) -> Standing:
    rubric, asked = judged.rubric, asked_how(judge, judged)
    try:
        with model_errors(judge.model):
            identity = identity_of(judge.model.fingerprint())
    except EvalkitError as error:
        return Standing(judge.name, None, str(error))
    if not identity:
        why = f"judge {judge.name} has no fingerprint, so no certificate can apply to it"
        return Standing(judge.name, None, why)
    for certificate in known:
        if certificate.fits(rubric.hash, identity, asked):
            return Standing(judge.name, certificate)
    return Standing(judge.name, None, _why(judged, judge, asked, identity, known))


def _why(
    judged: Judged,
    judge: Judge,
    asked: Asking,
    identity: str,
    known: Sequence[Certificate],
) -> str:
    """Why no certificate fits: what differs in the nearest one; and the command to run."""
    rubric = judged.rubric
    near = [c for c in known if c.rubric_hash == rubric.hash]
    changed = [c for c in known if c.rubric == rubric.name and c.identity == identity]
    own = [c for c in near if c.identity == identity]
    if any(c.asked.method == asked.method for c in own):
        reason = "the existing one is for other settings or another version of evalkit"
    elif own:
        reason = f"the existing one is for method {own[0].asked.method}"
    elif near:
        reason = f"the existing ones are for other judges ({', '.join(_judges(near))})"
    elif changed:
        reason = f"the rubric has changed since the one of {changed[0].made}"
    else:
        reason = "none exists"
    return (
        f"the gate requires a certificate for judge {judge.name} and rubric {rubric.name}:"
        f" {reason}; {_command(judged, judge, asked)}"
    )


def _command(judged: Judged, judge: Judge, asked: Asking) -> str:
    """The command to run, and what to do first if the rubric is only in the suite."""
    spec, name = judged.spec, judged.rubric.name
    own = isinstance(spec.rubric, Mapping) or bool(spec.criteria)
    first = f"write the rubric with its criteria to judges/{name}.judge.yaml, name it in the"
    first = f"{first} suite, and run" if own else "run"
    named = name if own else spec.rubric
    reasons = " --reasoning" if asked.reasoning else ""
    reasons += " --rules-first" if judged.after_rules else ""
    return (
        f"{first}: evalkit judge calibrate {named} --judge {judge.name} --method"
        f" {asked.method}{reasons} --labels FILE"
    )


def _judges(certificates: Sequence[Certificate]) -> list[str]:
    return list(dict.fromkeys(certificate.judge.name for certificate in certificates))


def objection(
    required: Mapping[str, float], standing: Sequence[Standing]
) -> tuple[str, str] | None:
    """The verdict and reason of a gate whose judges do not meet its requirements; else None.

    A missing certificate, or one over too few cases, is an error. If the certificate does not meet
    the requirements, the gate fails.
    """
    for one in standing:
        if one.certificate is None:
            return "error", one.why
        if few := too_few(len(one.certificate.labelled)):
            return "error", (
                f"the certificate of judge {one.judge} of {one.certificate.made} covers too little:"
                f" {few}; label more answers and run evalkit judge calibrate again"
            )
        short = shortfalls(one.certificate, required)
        if short:
            cases = len(one.certificate.labelled)
            return "fail", (
                f"judge {one.judge} does not agree with people closely enough: {'; '.join(short)}"
                f" (certificate of {one.certificate.made}, {cases} cases)"
            )
    return None


def summary_of(certificate: Certificate | None) -> CertificateSummary | None:
    """What a report shows of a certificate."""
    if certificate is None:
        return None
    return CertificateSummary(
        made=certificate.made,
        cases=len(certificate.labelled),
        raters=certificate.labels.raters,
        labels=certificate.labels.file,
        labels_hash=certificate.labels.hash[:12],
        figures={
            name: CertificateFigure(
                _defined(one.value), _defined(one.low), _defined(one.high), one.n, one.why
            )
            for name, one in certificate.figures.items()
        },
    )


def _defined(value: float) -> float | None:
    return value if value == value else None


def corrected(
    judged: Judged,
    certificate: Certificate,
    grades: Mapping[str, Sequence[float]],
    scores: Mapping[str, ScoreRecord],
    shown: Sequence[str] = (),
) -> tuple[dict[str, CorrectedScore], dict[str, str]]:
    """A cell's scores corrected by the judge's errors on labelled cases; and why others are not.

    grades: of the samples, by name of the score. scores: of the cell at 95 %, with the intervals
    of the judge's own grades. shown: digests of what the judge saw of the samples that have the
    whole score. Met or not: Rogan and Gladen's rate; other grades: the mean less the
    judge's mean error on the labelled cases. A pairwise score is not corrected: it depends on who
    was met; nor are shares of claims, since errors are known per claim; nor is a majority, which
    gives other grades than those that were calibrated.
    """
    if judged.rubric.mode in ("pairwise", "claims"):
        return {}, {}
    if judged.rubric.mode == "pointwise" and judged.spec.aggregate == "majority":
        return {}, {}
    made: dict[str, CorrectedScore] = {}
    left: dict[str, str] = {}
    for name, values in grades.items():
        if len(values) < 2:
            continue
        seen = shown if name == judged.score else ()
        one = _corrected(judged, certificate, name, values, _raw(scores.get(name)), seen)
        if one.why:
            left[name] = one.why
        else:
            made[name] = CorrectedScore(one.value, one.low, one.high, one.method)
    return made, left


def _corrected(
    judged: Judged,
    certificate: Certificate,
    score: str,
    values: Sequence[float],
    raw: Interval | None,
    shown: Sequence[str],
) -> Corrected:
    counts = _counts(judged, certificate, score)
    if counts is not None:
        return corrected_rate((sum(values), len(values)), counts, raw)
    figure = "kappa" if judged.rubric.mode == "binary" else "spearman"
    return corrected_mean(values, certificate, figure, judged.range, raw, shown)


def _raw(score: ScoreRecord | None) -> Interval | None:
    if score is None or score.low is None or score.high is None:
        return None
    return Interval(score.low, score.high, score.interval)


def _counts(
    judged: Judged, certificate: Certificate, score: str
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Of one criterion: people's no and yes in rows, the judge's in columns."""
    names = [criterion.name for criterion in judged.rubric.criteria]
    if judged.rubric.mode != "binary":
        return None
    criterion = names[0] if len(names) == 1 else ScoreName.parse(score).key
    labels = certificate.confusion.labels
    table = certificate.confusion.counts.get(criterion or "")
    if table is None:
        return None
    no, yes = labels.index(NO), labels.index(YES)
    return (table[no][no], table[no][yes]), (table[yes][no], table[yes][yes])
