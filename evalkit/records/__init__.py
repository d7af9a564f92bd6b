"""Records of a run in plain values: what the store keeps and reports show.

Every record converts to JSON and back without loss (``to_json``/``from_json`` below), so the
store, ``--eval-json`` and reports agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from evalkit.provenance import Provenance
from evalkit.records.analyses import Analysis
from evalkit.records.answers import (
    Answer,
    CheckRecord,
    Choices,
    CodeRun,
    Kept,
    Likelihood,
    SampleRecord,
)
from evalkit.records.judgments import Judgment
from evalkit.records.names import Group, ScoreName, base_of, score_name
from evalkit.records.suites import SuiteRecord

__all__ = [
    "Analysis",
    "Answer",
    "CellRecord",
    "CheckRecord",
    "Choices",
    "CodeRun",
    "GateRecord",
    "Group",
    "Judgment",
    "Kept",
    "Likelihood",
    "ModelRecord",
    "NoValue",
    "RunRecord",
    "SampleRecord",
    "ScoreName",
    "ScoreRecord",
    "SuiteRecord",
    "Verdict",
    "base_of",
    "score_name",
]

Verdict = Literal["pass", "fail", "inconclusive", "error", "none"]

NoValue = Literal["", "undefined", "infinite", "failed"]
"""Why a score has no value: it is undefined for these samples (none, 0/0), infinite, or its metric
could not be computed. "" if there is a value."""


@dataclass(slots=True)
class ScoreRecord:
    """A score of a cell.

    It has so many fields because they are the columns of ``run.scores`` and the keys in JSON.
    """

    name: str
    """In full, as :class:`ScoreName` writes it: ``recall[negative]``, ``accuracy[topic=art]``."""
    value: float | None
    """None if there is none, see ``no_value``."""
    low: float | None
    """Lower end of the interval at ``confidence``; None where undefined."""
    high: float | None
    """Its upper end."""
    n: int
    """Samples it is over."""
    confidence: float = 0.95
    interval: str = ""
    """Method of the interval: ``wilson``, ``bootstrap``, …"""
    better: str = "higher"
    """``higher``, ``lower`` or ""."""
    range_low: float = 0.0
    """The lowest value that is possible."""
    range_high: float = 1.0
    """The highest."""
    note: str = ""
    """Why there is no value, and other remarks for readers."""
    lost: int = 0
    """Samples that belong to it but have no answer to score."""
    worst_low: float | None = None
    """The value if every lost sample scored the worst that is possible; None where nothing was
    lost, or the score is not a mean of bounded values."""
    worst_high: float | None = None
    """The value if every lost sample scored the best."""
    no_value: NoValue = ""
    standard_error: float | None = None
    """Of the value, if known."""
    corrected: float | None = None
    """The value as people would have given it, by the errors that the grader makes on labelled
    cases; None without a certificate."""
    corrected_low: float | None = None
    """Lower end of an interval that counts these errors too."""
    corrected_high: float | None = None
    """Its upper end."""


@dataclass(slots=True)
class GateRecord:
    """A decided gate."""

    rule: str
    """As written in the suite, in its short form."""
    verdict: str
    """``pass``, ``fail``, ``inconclusive``; ``error``: the score could not be made; ``none``: the
    rule compares the cell with itself, or with a baseline that does not exist yet."""
    score: str
    """The score it looks at."""
    op: str
    """``>=``, ``>``, ``<=``, ``<``, ``==`` or ``!=``."""
    threshold: float
    """The number compared with."""
    value: float | None
    low: float | None
    high: float | None
    margin: float | None
    """Value minus threshold, signed so that positive is good."""
    n: int
    confidence: float | None
    reason: str
    """A sentence for people."""


@dataclass(slots=True)
class CellRecord:
    """One model × one prompt over all samples of a suite.

    It has so many fields because they are the keys of a cell in JSON and in the store.
    """

    suite: str
    model: str
    prompt: str
    task: str
    n: int
    """Samples in the cell."""
    scored: int
    """Samples that scores are over."""
    statuses: dict[str, int]
    """Answers by status."""
    scores: dict[str, ScoreRecord]
    """By full name, in the order asked for."""
    gates: list[GateRecord]
    """In the order of the suite."""
    analyses: list[Analysis]
    """Tables and curves to draw."""
    samples: list[SampleRecord] = field(default_factory=list)
    """Empty where only the store has them."""
    error: str = ""
    """Why the cell has no responses at all (the model could not be loaded), else ""."""
    seconds: float = 0.0
    """Wall time spent on it."""
    cached: int = 0
    """Responses that came from the cache."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    checks: dict[str, int] = field(default_factory=dict)
    """For each check of the suite, by its rule, how many responses break it."""
    ties: int = 0
    """Answers chosen by less than the rounding of the model's precision."""
    unanswered: int = 0
    """Samples with an answer, or one of several, that is missing (error, overflow)."""
    distrust: dict[str, str] = field(default_factory=dict)
    """By score: why it cannot be trusted (judges or a reference model gave more samples no grade
    than the suite's ``max_errors``)."""


@dataclass(slots=True)
class ModelRecord:
    """A model as loaded or called."""

    name: str
    backend: str
    declaration: dict[str, Any]
    """Its options as declared."""
    fingerprint: dict[str, Any] | None
    """What determines its answers besides the request; None if unknown."""
    described: dict[str, Any]
    """Resolved settings: device, dtype, …"""
    load_seconds: float = 0.0
    error: str = ""
    peak_memory: dict[str, int] = field(default_factory=dict)
    """Peak bytes while it worked: ``process``, resident memory of the whole process (left out if an
    earlier peak was higher), and ``cuda``, allocated on the GPUs."""


@dataclass(slots=True)
class RunRecord:
    """Everything one invocation did."""

    id: str
    started: str
    """ISO 8601 in UTC."""
    finished: str | None
    """The same; None while the run has no end."""
    status: str
    """``running``, ``finished``, ``interrupted``, or ``killed`` if the process ended without
    finishing the run."""
    provenance: Provenance
    """evalkit, Python and library versions, git commit, hardware, command."""
    suites: dict[str, SuiteRecord] = field(default_factory=dict)
    models: dict[str, ModelRecord] = field(default_factory=dict)
    cells: list[CellRecord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """Notices about the run as a whole."""

    @property
    def verdicts(self) -> dict[str, int]:
        """How many gates ended in each verdict; those without one do not count."""
        counts = {"pass": 0, "fail": 0, "inconclusive": 0, "error": 0}
        for cell in self.cells:
            for gate in cell.gates:
                if gate.verdict in counts:
                    counts[gate.verdict] += 1
        return counts

    @property
    def undecided(self) -> list[str]:
        """The suites that have gates, none of which has a verdict."""
        decided: dict[str, bool] = {}
        for cell in self.cells:
            for gate in cell.gates:
                decided[cell.suite] = decided.get(cell.suite, False) or gate.verdict != "none"
        return [suite for suite, some in decided.items() if not some]
