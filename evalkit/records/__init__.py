"""What a run leaves behind, in plain values: what the store keeps and reports show.

Every record turns into JSON and back without loss (``to_json``/``from_json`` below), so the
store, ``--eval-json`` and a report speak of the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

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
"""Why a score has no value: the samples do not tell it (there are none, 0/0), it knows no bound, or
its metric could not be computed. "" where there is a value."""


@dataclass(slots=True)
class ScoreRecord:
    """A score of a cell. ``name`` is its full name, as :class:`ScoreName` writes it:
    ``recall[negative]``, ``accuracy[topic=art]``.

    ``low``/``high`` bound it at ``confidence``; None where undefined. ``n`` samples.
    ``no_value``: why ``value`` is None; ``note``: that in words, and what else a reader must know.
    ``better``: higher, lower or "". ``range_low``/``range_high``: what values are possible.
    ``lost``: samples that belong to it but have no answer to score; ``worst_low``/``worst_high``:
    between what the score would lie had all of those been scored, at the ends of its range (None
    where nothing was lost, or the score is no mean of bounded values). ``standard_error``: of the
    value, where it is known.
    ``corrected``, with ``corrected_low`` and ``corrected_high``: the value as people would have
    given it, by the errors that the grader of the answers makes on labelled cases, and an interval
    that counts these too (None where no certificate tells them).
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    confidence: float = 0.95
    interval: str = ""
    better: str = "higher"
    range_low: float = 0.0
    range_high: float = 1.0
    note: str = ""
    lost: int = 0
    worst_low: float | None = None
    worst_high: float | None = None
    no_value: NoValue = ""
    standard_error: float | None = None
    corrected: float | None = None
    corrected_low: float | None = None
    corrected_high: float | None = None


@dataclass(slots=True)
class GateRecord:
    """A verdict: ``pass``, ``fail``, ``inconclusive``; ``error``: the score could not be made;
    ``none``: the rule compares the cell with itself, which says nothing.

    rule: as written in the suite. score: the score it looks at. op: >=, >, <=, <, ==, !=.
    threshold: the number compared with. margin: value minus threshold, signed so that
    positive is good. reason: a sentence for people.
    """

    rule: str
    verdict: str
    score: str
    op: str
    threshold: float
    value: float | None
    low: float | None
    high: float | None
    margin: float | None
    n: int
    confidence: float | None
    reason: str


@dataclass(slots=True)
class CellRecord:
    """One model × one prompt over all samples of a suite.

    n: samples in the cell; scored: samples that scores are over; statuses: count of answers by
    status.
    scores: by full name, in the order asked for. gates: in the order of the suite.
    analyses: tables and curves to draw.
    error: why the cell has no responses at all (model could not be loaded), else "".
    seconds: wall time spent on it; cached: responses that came from the cache.
    checks: for each check of the suite, by its rule, how many responses break it.
    ties: answers chosen by less than the rounding of the model's precision.
    unanswered: samples with an answer, or one of several, that is missing (error, overflow).
    """

    suite: str
    model: str
    prompt: str
    task: str
    n: int
    scored: int
    statuses: dict[str, int]
    scores: dict[str, ScoreRecord]
    gates: list[GateRecord]
    analyses: list[Analysis]
    samples: list[SampleRecord] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    checks: dict[str, int] = field(default_factory=dict)
    ties: int = 0
    unanswered: int = 0


@dataclass(slots=True)
class ModelRecord:
    """A model as it was reached: declaration, fingerprint, and what was chosen (device, dtype…).

    peak_memory: bytes at most while it worked: ``process``, resident in this process with all else
    in it (left out where it had been more before), and ``cuda``, allocated on the GPUs.
    """

    name: str
    backend: str
    declaration: dict[str, Any]
    fingerprint: dict[str, Any] | None
    described: dict[str, Any]
    load_seconds: float = 0.0
    error: str = ""
    peak_memory: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class RunRecord:
    """Everything one invocation did.

    started, finished: ISO 8601 in UTC. status: ``running``, ``finished``, ``interrupted``, or
    ``killed`` when the process of a run that never came to an end is gone.
    provenance: evalkit, Python and library versions, git commit, hardware, command.
    notices: what a reader must know of the run as a whole.
    """

    id: str
    started: str
    finished: str | None
    status: str
    provenance: dict[str, Any]
    suites: dict[str, SuiteRecord] = field(default_factory=dict)
    models: dict[str, ModelRecord] = field(default_factory=dict)
    cells: list[CellRecord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def verdicts(self) -> dict[str, int]:
        """How many gates ended in each verdict; those without one do not count."""
        counts = {"pass": 0, "fail": 0, "inconclusive": 0, "error": 0}
        for cell in self.cells:
            for gate in cell.gates:
                if gate.verdict in counts:
                    counts[gate.verdict] += 1
        return counts
