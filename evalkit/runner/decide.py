"""From the scores of all cells of a run to the verdicts of their gates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from evalkit import gates
from evalkit.comparing.operand import Paired, Side, side_of
from evalkit.comparing.scores import ScoreComparison, compare_score
from evalkit.errors import UsageError
from evalkit.judging.certificates import objection
from evalkit.metrics.registry import Registry
from evalkit.plan import CellId
from evalkit.records import CellRecord, GateRecord, RunRecord
from evalkit.records.names import base_of
from evalkit.runner.baseline import FIRST_RUN, BaselineReference
from evalkit.scoring.scored_cell import ScoredCell
from evalkit.scoring.scorer import too_many_unanswered
from evalkit.stats.differences import ends_at
from evalkit.store import Store


class Relations:
    """Compares the cells of a run with each other and with those of a baseline."""

    def __init__(
        self,
        run: RunRecord,
        store: Store,
        cells: Sequence[CellRecord],
        registry: Registry,
        reference: BaselineReference,
    ) -> None:
        self._run = run
        self._store = store
        self._cells = {_id(cell): cell for cell in cells}
        self._registry = registry
        self._reference = reference
        self._sides: dict[CellId, Side] = {}
        self._theirs: dict[CellId, Side] = {}
        self._not_yet: dict[str, None] = {}

    @property
    def notices(self) -> list[str]:
        """Notices on the verdicts."""
        without = [f"{why}; gates against it have no verdict" for why in self._not_yet]
        return [*self._reference.notices, *without]

    def part(self, record: CellRecord) -> str:
        """How many samples of the suite were taken; "" if all were."""
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
        found = self._compared(record, target, score, confidence)
        notes = [found.note or ("" if math.isfinite(found.low) else "its interval is undefined")]
        if target == "baseline":
            notes.insert(0, self._renamed(record))
        note = "; ".join(filter(None, notes))
        return gates.Difference(
            found.difference, found.low, found.high, found.n, note, _ends_at(found, confidence)
        )

    def shared(self, record: CellRecord, target: str, score: str) -> gates.Shared | None:
        """A score of a cell and of its baseline over the samples both have; None where these are
        all: the data are the same, and as many of them were taken."""
        suite = self._run.suites[record.suite]
        if target != "baseline" or self._reference.baseline is None:
            return None
        baseline_suite = self._reference.baseline.run.suites.get(record.suite)
        if baseline_suite is None or not baseline_suite.data_hash:
            return None
        if (baseline_suite.data_hash, baseline_suite.limit) == (suite.data_hash, suite.limit):
            return None
        found = self._compared(record, target, score, 0.95)
        if not found.note and math.isfinite(found.difference):
            return None
        return gates.Shared(found.b, found.a, found.n, found.note)

    def _compared(
        self, record: CellRecord, target: str, score: str, confidence: float
    ) -> ScoreComparison:
        run, other = self._other(record, target)
        reference = self._side(other) if run is self._run else self._in_other(run, other)
        own = self._side(record)
        if target == "baseline" and self._grown(record):
            return compare_score(
                reference,
                own,
                score,
                registry=self._registry,
                confidence=confidence,
                left_out=_grown,
            )
        return compare_score(reference, own, score, registry=self._registry, confidence=confidence)

    def _grown(self, record: CellRecord) -> bool:
        """Whether the data of a suite are others than those of the baseline, taken whole."""
        assert self._reference.baseline is not None
        baseline_suite = self._reference.baseline.run.suites.get(record.suite)
        suite = self._run.suites[record.suite]
        return (
            baseline_suite is not None
            and baseline_suite.data_hash not in ("", suite.data_hash)
            and baseline_suite.limit is suite.limit is None
        )

    def _renamed(self, record: CellRecord) -> str:
        """The baseline's cell, if its name differs."""
        _, other = self._in_baseline(record)
        if (other.model, other.prompt) == (record.model, record.prompt):
            return ""
        return f"baseline: {other.model}/{other.prompt}"

    def _other(self, record: CellRecord, target: str) -> tuple[RunRecord, CellRecord]:
        if target == "baseline":
            return self._in_baseline(record)
        for cell in self._cells.values():
            if cell.suite == record.suite and f"{cell.model}/{cell.prompt}" == target:
                return self._run, cell
        raise UsageError(f"this run has no cell {target} of suite {record.suite}")

    def _in_baseline(self, record: CellRecord) -> tuple[RunRecord, CellRecord]:
        reference = self._reference
        if reference.baseline is None:
            if reference.skip:
                raise self._none_yet(reference.why)
            raise UsageError(
                "no baseline to compare with: give one with --eval-baseline (from Python:"
                f" baseline=). {FIRST_RUN}"
            )
        if reference.skip and not reference.baseline.has(record.suite):
            raise self._none_yet(f"it has no suite '{record.suite}'")
        return reference.baseline.run, reference.baseline.of(*_id(record))

    def _none_yet(self, why: str) -> gates.NotYetError:
        self._not_yet[f"no baseline yet: {why}"] = None
        return gates.NotYetError(f"no baseline yet: {why}")

    def _in_other(self, run: RunRecord, cell: CellRecord) -> Side:
        """A cell of the baseline, with its samples."""
        name = _id(cell)
        if name not in self._theirs:
            self._theirs[name] = side_of(run, cell)
        return self._theirs[name]

    def _side(self, record: CellRecord) -> Side:
        """A cell of this run with its samples, from memory or from the store."""
        name = _id(record)
        if name not in self._sides:
            samples = record.samples or self._store.samples(self._run.id, name)
            self._sides[name] = side_of(self._run, replace(record, samples=samples))
        return self._sides[name]


def decide(decided: Sequence[ScoredCell], relations: Relations) -> None:
    """Decide the gates of every cell; gates may refer to other cells, so all are scored first."""
    for done in decided:
        done.record.gates = [_verdict(gate, done, relations) for gate in done.cell.gates]


def _ends_at(
    found: ScoreComparison, confidence: float
) -> Callable[[int], tuple[float, float]] | None:
    """The interval of a difference at another number of samples."""
    seen = found.seen
    if seen is None or not found.n:
        return None
    return lambda n: ends_at(seen, seen.n * n / found.n, confidence)


def _grown(both: Paired) -> list[str]:
    """How many samples are in only one of two runs, because the data grew or shrank."""
    changed = [f"{both.changed} left out: row or target differs"] if both.changed else []
    return [f"{both.new} new, {both.gone} gone", *changed] if both.new or both.gone else changed


def _verdict(gate: gates.Gate, done: ScoredCell, relations: Relations) -> GateRecord:
    record = done.record
    distrust = too_many_unanswered(done.cell.suite, record)
    if distrust and done.first_unanswered:
        distrust += f"; first {done.first_unanswered}"
    scores = dict.fromkeys(base_of(term.score) for term in gate.terms)
    judged = [record.distrust[name] for name in scores if name in record.distrust]
    distrust = "; ".join(filter(None, (distrust, *judged)))
    verdict = gates.decide(
        gate,
        done.scores.get(gate.confidence or 0.0, record.scores),
        lambda target, score: relations.value(record, target, score),
        lambda target, score, level: relations.difference(record, target, score, level),
        lambda target, score: relations.shared(record, target, score),
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
