"""From the scores of all cells of a run to the verdicts of their gates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from evalkit import gates
from evalkit.comparing.scores import compare_score
from evalkit.comparing.side import Side, side_of
from evalkit.errors import UsageError
from evalkit.metrics.registry import Registry
from evalkit.records import CellRecord, GateRecord, RunRecord, ScoreRecord
from evalkit.records.names import base_of
from evalkit.runner.certified import Standing, objection
from evalkit.runner.plan import Cell, CellId
from evalkit.runner.score import lost
from evalkit.store import Store


@dataclass
class Decided:
    """A cell that is scored, before its gates: what they need to be decided.

    scores: by confidence, for every confidence that a gate of the suite asks for. keys: by sample
    and answer, where the response is stored; None where it is not. first_lost: why
    the first sample without an answer has none, shortened. distrust: why a score that others gave
    (judges, readers) cannot be trusted, by its name. standings: the judges of each judged score.
    """

    cell: Cell
    record: CellRecord
    position: int
    scores: dict[float, dict[str, ScoreRecord]] = field(default_factory=dict)
    keys: list[list[str | None]] = field(default_factory=list)
    first_lost: str = ""
    distrust: dict[str, str] = field(default_factory=dict)
    standings: dict[str, list[Standing]] = field(default_factory=dict)

    def add(self, made: Callable[[float], Mapping[str, ScoreRecord]]) -> None:
        """Add scores at every confidence that is looked at. made: from one to scores by name."""
        self.record.scores.update(made(0.95))
        for confidence, scores in self.scores.items():
            scores.update(made(confidence))


class Relations:
    """How the cells of a run relate to each other and to those of a baseline."""

    def __init__(
        self,
        run: RunRecord,
        store: Store,
        cells: Sequence[CellRecord],
        registry: Registry,
        baseline: RunRecord | None = None,
    ) -> None:
        self._run = run
        self._store = store
        self._cells = {_id(cell): cell for cell in cells}
        self._registry = registry
        self._baseline = baseline
        self._sides: dict[CellId, Side] = {}

    def part(self, record: CellRecord) -> str:
        """How many samples of the suite were taken, where not all were, else ""."""
        suite = self._run.suites[record.suite]
        return f"{suite.limit} of {suite.total} were taken" if suite.limit else ""

    def value(self, record: CellRecord, target: str, score: str) -> float:
        """A score of ``baseline`` or ``model/prompt``, as a cell sees it; NaN where undefined."""
        _, other = self._other(record, target)
        value = other.scores[score].value if score in other.scores else None
        return math.nan if value is None else value

    def difference(
        self, record: CellRecord, target: str, score: str, confidence: float
    ) -> gates.Difference:
        """A cell's score minus that of the target, over the samples both have."""
        run, other = self._other(record, target)
        theirs = self._side(other) if run is self._run else side_of(run, other)
        found = compare_score(
            theirs, self._side(record), score, registry=self._registry, confidence=confidence
        )
        note = found.note or ("" if math.isfinite(found.low) else "its interval is undefined")
        return gates.Difference(found.difference, found.low, found.high, found.n, note)

    def _other(self, record: CellRecord, target: str) -> tuple[RunRecord, CellRecord]:
        if target == "baseline":
            return self._in_baseline(record)
        for cell in self._cells.values():
            if cell.suite == record.suite and f"{cell.model}/{cell.prompt}" == target:
                return self._run, cell
        raise UsageError(f"this run has no cell {target} of suite {record.suite}")

    def _in_baseline(self, record: CellRecord) -> tuple[RunRecord, CellRecord]:
        if self._baseline is None:
            raise UsageError("no baseline to compare with: give one with --eval-baseline")
        for cell in self._baseline.cells:
            if _id(cell) == _id(record):
                return self._baseline, cell
        raise UsageError(
            f"the baseline has no cell {record.model}/{record.prompt} of suite {record.suite}"
        )

    def _side(self, record: CellRecord) -> Side:
        """A cell of this run with its samples, which are only in the store by now."""
        name = _id(record)
        if name not in self._sides:
            whole = CellRecord(**{f: getattr(record, f) for f in CellRecord.__slots__})
            whole.samples = self._store.samples(self._run.id, name)
            self._sides[name] = side_of(self._run, whole)
        return self._sides[name]


def decide(decided: Sequence[Decided], relations: Relations) -> None:
    """Give every cell its verdicts; gates may look at other cells, so all are scored first."""
    for done in decided:
        done.record.gates = [_verdict(gate, done, relations) for gate in done.cell.gates]


def _verdict(gate: gates.Gate, done: Decided, relations: Relations) -> GateRecord:
    record = done.record
    distrust = lost(done.cell.suite, record)
    if distrust and done.first_lost:
        distrust += f"; first {done.first_lost}"
    scores = dict.fromkeys(base_of(term.score) for term in gate.terms)
    judged = [done.distrust[name] for name in scores if name in done.distrust]
    distrust = "; ".join(filter(None, (distrust, *judged)))
    verdict = gates.decide(
        gate,
        done.scores.get(gate.confidence or 0.0, record.scores),
        lambda target, score: relations.value(record, target, score),
        lambda target, score, level: relations.difference(record, target, score, level),
        lost=distrust,
        part=relations.part(record),
        own=f"{record.model}/{record.prompt}",
    )
    for name in scores if gate.certified else ():
        objected = objection(dict(gate.certified), done.standings.get(name, []))
        if objected and verdict.verdict not in ("error", "none"):
            verdict.verdict = objected[0]
            verdict.reason = f"{objected[1]}; {verdict.reason}"
    if record.error:
        verdict.verdict = "error"
        verdict.reason = record.error
    return verdict


def _id(cell: CellRecord) -> CellId:
    return CellId(cell.suite, cell.model, cell.prompt)
