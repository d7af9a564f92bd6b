"""Suites as pytest sees them: a file, its cells, and in each cell its gates and checks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import EvalkitError, project_errors
from evalkit.exchange import unanswered
from evalkit.plan import Cell
from evalkit.pytest_plugin.ids import item_id, item_name
from evalkit.pytest_plugin.session import EvalSession, session_of
from evalkit.records import CellRecord, GateRecord, SampleRecord
from evalkit.written.printable import block, one_line

Location = tuple[Path, int, str]


class GateFailedError(Exception):
    """A gate did not pass. The message is for people."""


class InconclusiveGate(UserWarning):
    """A gate is inconclusive (``--eval-inconclusive=warn``)."""


class SuiteWarning(pytest.PytestWarning):
    """A suite contains something valid but probably unintended; it still runs."""


class SuiteFile(pytest.File):
    """A ``*.eval.yaml`` file."""

    def collect(self) -> Iterator[pytest.Collector | pytest.Item]:
        """One collector per cell, or an item that says why there is none.

        Raises SpecError with every problem.
        """
        evals = session_of(self.config)
        with project_errors():
            loaded = evals.load(self.path)
            cells = evals.cells(loaded)
        for doubt in loaded.doubts:
            self.warn(SuiteWarning(block(str(doubt))))
        for tag in loaded.suite.tags:
            self.config.addinivalue_line("markers", f"{tag}: suites tagged '{tag}'")
        for cell in cells:
            yield CellNode.from_parent(self, name=f"{cell.model}/{cell.variant.name}", cell=cell)
        if not cells and (reason := evals.experiment.skipped(loaded)):
            yield SkippedItem.from_parent(self, name="skipped", reason=reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """Show evalkit's errors without a traceback through evalkit."""
        return _message(excinfo) or super().repr_failure(excinfo)


class SkippedItem(pytest.Item):
    """A suite that is for none of the models."""

    def __init__(self, *, reason: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reason = reason

    def runtest(self) -> None:
        """Skip, with the reason."""
        pytest.skip(self.reason)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The suite's file."""
        return self.path, 0, self.name


class CellNode(pytest.Collector):
    """One model × one prompt."""

    def __init__(self, *, cell: Cell, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell

    def collect(self) -> Iterator[pytest.Item]:
        """The gates (or one item for a cell without any), then a check item per sample."""
        self.add_marker("eval")
        for tag in self.cell.suite.tags:
            self.add_marker(tag)
        rules = [gate.rule for gate in self.cell.gates]
        for index, rule in enumerate(map(item_name, rules)):
            yield GateItem.from_parent(self, name=rule, nodeid=item_id(self, rule), index=index)
        if not rules:
            yield ScoresItem.from_parent(self, name="scores")
        for position, sample in enumerate(self.cell.dataset.samples):
            if self.cell.suite.checks or sample.checks:
                name = item_name(f"check[{sample.id}]")
                yield CheckItem.from_parent(
                    self, name=name, nodeid=item_id(self, name), position=position
                )


class EvalItem(pytest.Item):
    """Shared by gates and checks: all work is done before the first item runs."""

    parent: CellNode

    @property
    def cell(self) -> Cell:
        """The cell this item is about."""
        return self.parent.cell

    @property
    def evals(self) -> EvalSession:
        """The evaluations of this pytest session."""
        return session_of(self.config)

    def setup(self) -> None:
        """Evaluate the cell if necessary. A model that cannot answer is an error.

        pytest shows a traceback for any exception raised in setup, except for its own failures
        that disable it.
        """
        try:
            self.prepare()
        except EvalkitError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    def prepare(self) -> None:
        """Raise EvalkitError when there is nothing to judge."""
        record = self.record()
        if record.error:
            raise EvalkitError(one_line(record.error))

    def record(self) -> CellRecord:
        """The cell as it was scored."""
        return self.evals.record(self.cell.id)

    def first_error(self) -> str:
        """A line on the first sample of the cell without an answer, or ""."""
        from evalkit.scoring.scorer import first_unanswered

        if not unanswered(self.record().statuses):
            return ""
        message = first_unanswered(self.evals.samples(self.cell.id), 400)
        return f"\n  first {message}" if message else ""

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the item is: the suite's file and a line in it."""
        return self.path, max(self.line() - 1, 0), self._title()

    def _title(self) -> str:
        return f"{self.parent.name} {self.name}"

    def line(self) -> int:
        """The line of the suite this item comes from, from 1."""
        return 1

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The failure as text; no traceback through evalkit."""
        return _message(excinfo) or super().repr_failure(excinfo, style)


class GateItem(EvalItem):
    """One gate of one cell."""

    def __init__(self, *, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index

    def line(self) -> int:
        """The gate's line."""
        return self.cell.suite.line("gates", self.index)

    def prepare(self) -> None:
        """A gate whose score cannot be computed or compared is an error, not a failure."""
        super().prepare()
        gate = self.record().gates[self.index]
        if gate.verdict == "error":
            raise EvalkitError(f"{one_line(gate.rule)}: {one_line(gate.reason)}")

    def runtest(self) -> None:
        """Pass or fail by the verdict."""
        record = self.record()
        gate = record.gates[self.index]
        self.user_properties += _properties(gate)
        if gate.verdict == "pass":
            return
        if gate.verdict == "none":
            # Where the gate stands, not where evalkit looked at it.
            raise pytest.skip.Exception(gate.reason, _use_item_location=True)
        message = describe_gate(gate, record) + self.first_error()
        if gate.verdict == "inconclusive" and self.evals.inconclusive_warns:
            warnings.warn(InconclusiveGate(block(message)), stacklevel=2)
            return
        raise GateFailedError(message)


class ScoresItem(EvalItem):
    """The item of a cell without gates; it fails only if there is no result."""

    def runtest(self) -> None:
        """Fail when more samples than allowed have no answer or grade, or a metric failed."""
        from evalkit.scoring.scorer import unreliable

        reason = unreliable(self.cell.suite, self.record())
        if reason:
            raise GateFailedError(reason + self.first_error())


class CheckItem(EvalItem):
    """The checks on one sample's response."""

    def __init__(self, *, position: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.position = position

    def line(self) -> int:
        """The line of the checks."""
        return self.cell.suite.line("checks")

    def runtest(self) -> None:
        """Fail with every check that does not hold."""
        sample = self.evals.samples(self.cell.id)[self.position]
        if not sample.checks:
            raise GateFailedError(
                f"sample {one_line(sample.id)} has no answer to check ({sample.status}):"
                f" {one_line(sample.error)}"
            )
        failed = [check for check in sample.checks if not check.passed]
        if failed:
            raise GateFailedError(
                _describe_checks(sample, [f"{c.rule}: {c.reason}" for c in failed])
            )


def describe_gate(gate: GateRecord, record: CellRecord) -> str:
    """A failed gate in a few lines."""
    cell = one_line(f"{record.suite} {record.model}/{record.prompt}")
    lines = [f"{gate.verdict.upper()}  {one_line(gate.rule)}", f"  {cell}: {one_line(gate.reason)}"]
    if gate.low is not None and gate.high is not None and gate.confidence is None:
        lines.append(f"  95 % interval {gate.low:.3f} to {gate.high:.3f}, n = {gate.n}")
    if gate.margin is not None:
        lines.append(f"  margin {gate.margin:+.3f}")
    counts = ", ".join(f"{count} {status}" for status, count in sorted(record.statuses.items()))
    lines.append(f"  responses: {counts}")
    return "\n".join(lines)


def _describe_checks(sample: SampleRecord, failed: Iterable[str]) -> str:
    output = sample.output if len(sample.output) <= 400 else sample.output[:400] + " …"
    lines = [f"FAIL  {one_line(rule)}" for rule in failed]
    return "\n".join([*lines, f"  sample {one_line(sample.id)}: {output!r}"])


def _properties(gate: GateRecord) -> list[tuple[str, object]]:
    names = ("value", "low", "high", "threshold", "margin", "n", "verdict")
    return [(name, getattr(gate, name)) for name in names if getattr(gate, name) is not None]


def _message(excinfo: pytest.ExceptionInfo[BaseException]) -> str | None:
    error = excinfo.value
    return str(error) if isinstance(error, EvalkitError | GateFailedError) else None


def planned_cells(items: Iterable[pytest.Item]) -> Iterator[Cell]:
    """The cell of every item that evaluates."""
    return (item.cell for item in items if isinstance(item, EvalItem))
