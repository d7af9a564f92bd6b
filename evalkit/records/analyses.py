"""Analyses of a cell: tables and curves as typed values. Reports draw them.

Each class has a ``kind``, which identifies it in JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeVar

OTHER_LABELS = "(other)"
"""The label that those without a row of their own share."""


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """How often each label was predicted for the samples of each true label.

    Of tools: how often each was called where each was expected.
    """

    kind: ClassVar[Literal["confusion_matrix"]] = "confusion_matrix"

    labels: tuple[str, ...]
    """In the suite's order. A last label ``(none)`` stands for answers without a label; it is
    there only where an answer had none. Of tools, ``(no call)`` stands for none, and ``(other)``
    for the rarest where there are many."""
    counts: tuple[tuple[int, ...], ...]
    """Square: true labels in rows, predicted labels in columns."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label of a classification report; None where a number is undefined."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    """Samples whose true label it is."""


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """Precision, recall, F1 and support of each label."""

    kind: ClassVar[Literal["classification_report"]] = "classification_report"

    rows: tuple[LabelRow, ...]
    """In the order of the suite's labels."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The samples whose highest probability lies between ``low`` and ``high``."""

    low: float
    high: float
    n: int
    confidence: float
    """Mean of the highest probabilities."""
    accuracy: float
    """Share of the samples that are right."""
    accuracy_low: float
    """Lower end of the accuracy's 95 % Wilson interval."""
    accuracy_high: float
    """Its upper end."""


@dataclass(frozen=True, slots=True)
class ReliabilityDiagram:
    """Confidence against accuracy, in bins of the highest probability (a calibration curve)."""

    kind: ClassVar[Literal["reliability"]] = "reliability"

    n: int
    """Samples."""
    confidence: float
    """Mean of the highest probabilities over all samples."""
    accuracy: float
    """Share of all samples that are right."""
    calibration_error: float
    """Mean gap between the two over the bins, weighted by their samples."""
    largest_gap: float
    """The gap of the worst bin."""
    bins: tuple[ReliabilityBin, ...]
    """Those that hold samples, by confidence."""


@dataclass(frozen=True, slots=True)
class CertificateFigure:
    """A figure of a certificate with its interval; None where undefined."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """Cases it is over."""
    why: str = ""
    """Why it is undefined."""


@dataclass(frozen=True, slots=True)
class CertificateSummary:
    """What a report shows of a grader's certificate."""

    made: str
    """The day it was made, ISO 8601."""
    cases: int
    """Labelled cases."""
    raters: int
    """People who labelled each of them."""
    labels: str
    """Name of the file of labels."""
    labels_hash: str
    """First digits of its hash."""
    figures: Mapping[str, CertificateFigure] = field(default_factory=dict)
    """By name: ``kappa``, ``agreement``, ..."""


@dataclass(frozen=True, slots=True)
class JudgeRow:
    """One judge of a score in one cell, or the refusal rules."""

    judge: str
    n: int
    """Grades it gave."""
    mean: float | None
    """Their mean; None where it gave none."""
    method: str = ""
    """How it was asked: ``choice`` or ``text``; ``rules`` of the refusal rules."""
    judgments: int = 0
    """Questions it was asked."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Replies by status."""
    mass: float | None = None
    """Mean probability of the allowed answers, where it chose among them."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """Replies by the answer they gave."""
    certificate: CertificateSummary | None = None
    """Its agreement with people; None if it was not measured."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The agreement of several judges of one score."""

    items: int
    """Answers they graded."""
    complete: int
    """Answers that every judge graded."""
    differ: int
    """Of these, the answers on which two judges are at least ``apart`` apart."""
    apart: float = 1.0
    """The least distance of two grades that counts as a disagreement."""
    alpha: float | None = None
    """Krippendorff's alpha; None where undefined."""
    alpha_low: float | None = None
    """Lower end of its 95 % interval."""
    alpha_high: float | None = None
    """Its upper end."""
    level: str = ""
    """Level of measurement of alpha: ``nominal`` or ``interval``."""


@dataclass(frozen=True, slots=True)
class RubricSummary:
    """The rubric of a judged score, and how a panel's grades become one."""

    rubric: str
    """Its name."""
    hash: str
    """First digits of its hash."""
    mode: str
    """``pointwise``, ``binary`` or ``pairwise``."""
    description: str
    better: str
    """``higher`` or ``lower``."""
    scale: Mapping[str, str] = field(default_factory=dict)
    """Meaning of each step, where it has steps."""
    aggregate: str = "mean"
    """``mean``, ``median`` or ``majority``."""


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """The answers of a cell whose claims were checked."""

    answers: int
    """Those with claims."""
    without: int
    """Those without, which have no score."""
    unlisted: int
    """Those whose claims could not be listed."""
    claims: int
    """Claims of all answers."""


@dataclass(frozen=True, slots=True)
class CorrectedScore:
    """A score corrected by its grader's errors on labelled cases, with a 95 % interval."""

    value: float
    low: float
    high: float
    method: str
    """``rogan-gladen`` or ``ppi``."""


@dataclass(frozen=True, slots=True)
class JudgedReport:
    """Who graded one score of a cell, by which rubric, and how far the graders can be trusted.

    In JSON, the fields of ``about`` and ``panel`` stand beside the others.
    """

    kind: ClassVar[Literal["judged"]] = "judged"

    score: str
    judges: tuple[JudgeRow, ...]
    panel: Panel
    about: RubricSummary
    categories: Mapping[str, int] = field(default_factory=dict)
    """Replies by category, where the rubric asks for one."""
    corrected: Mapping[str, CorrectedScore] = field(default_factory=dict)
    """Scores corrected by the grader's errors, by name."""
    uncorrected: Mapping[str, str] = field(default_factory=dict)
    """Why a score is not corrected, by its name."""
    claims: ClaimCounts | None = None
    """Where the claims of answers were checked."""
    rules: str = ""
    """First digits of the identity of the refusal rules, where refusals were graded."""


@dataclass(frozen=True, slots=True)
class OpponentRow:
    """Pairwise results against one opponent."""

    against: str
    """``model/prompt``, or ``target``."""
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class PairwiseReport:
    """Wins, ties and losses of a cell in a pairwise comparison."""

    kind: ClassVar[Literal["pairwise"]] = "pairwise"

    score: str
    rubric: str
    """Its name."""
    opponents: tuple[OpponentRow, ...]
    """By name."""
    pairs: int
    """Pairs that were judged in both orders."""
    contradicted: int
    """Of these, the pairs in which the order decided."""
    strength: float | None = None
    """Bradley-Terry strength, in nats with mean 0; None with fewer than two cells."""
    low: float | None = None
    """Lower end of its 95 % interval."""
    high: float | None = None
    """Its upper end."""


Analysis = (
    ConfusionMatrix | ClassificationReport | ReliabilityDiagram | JudgedReport | PairwiseReport
)

_T = TypeVar("_T")


def to_json(analysis: Analysis) -> dict[str, Any]:
    """An analysis as JSON values, with its ``kind``."""
    body: dict[str, Any] = {"kind": analysis.kind, **asdict(analysis)}
    if isinstance(analysis, JudgedReport):
        body |= {**body.pop("panel"), **body.pop("about")}
        if analysis.claims is None:
            del body["claims"]
    return body


def from_json(body: Mapping[str, Any]) -> Analysis | None:
    """An analysis from its JSON values; None for a kind that this version does not know."""
    make = _MAKERS.get(str(body.get("kind")))
    return make(body) if make else None


def _made(kind: type[_T], body: Mapping[str, Any], **changed: Any) -> _T:
    """One of ``kind`` from the values it has a field for; a newer version may write more."""
    known = {name: body[name] for name in (f.name for f in fields(kind)) if name in body}  # type: ignore[arg-type]
    return kind(**{**known, **changed})


def _confusion_matrix(body: Mapping[str, Any]) -> ConfusionMatrix:
    return ConfusionMatrix(tuple(body["labels"]), tuple(map(tuple, body["counts"])))


def _classification_report(body: Mapping[str, Any]) -> ClassificationReport:
    return ClassificationReport(tuple(_made(LabelRow, row) for row in body["rows"]))


def _reliability_diagram(body: Mapping[str, Any]) -> ReliabilityDiagram:
    bins = tuple(_made(ReliabilityBin, row) for row in body["bins"])
    return _made(ReliabilityDiagram, body, bins=bins)


def _judged_report(body: Mapping[str, Any]) -> JudgedReport:
    corrected = {
        name: _made(CorrectedScore, score) for name, score in body.get("corrected", {}).items()
    }
    return _made(
        JudgedReport,
        body,
        judges=tuple(_judge_row(row) for row in body["judges"]),
        panel=_made(Panel, body),
        about=_made(RubricSummary, body),
        claims=_made(ClaimCounts, body["claims"]) if "claims" in body else None,
        corrected=corrected,
    )


def _judge_row(body: Mapping[str, Any]) -> JudgeRow:
    known = body.get("certificate")
    if not known:
        return _made(JudgeRow, body, certificate=None)
    figures = {
        name: _made(CertificateFigure, figure) for name, figure in known.get("figures", {}).items()
    }
    return _made(JudgeRow, body, certificate=_made(CertificateSummary, known, figures=figures))


def _pairwise_report(body: Mapping[str, Any]) -> PairwiseReport:
    opponents = tuple(_made(OpponentRow, row) for row in body["opponents"])
    return _made(PairwiseReport, body, opponents=opponents)


_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Analysis]] = {
    ConfusionMatrix.kind: _confusion_matrix,
    ClassificationReport.kind: _classification_report,
    ReliabilityDiagram.kind: _reliability_diagram,
    JudgedReport.kind: _judged_report,
    PairwiseReport.kind: _pairwise_report,
}
