"""A cell between its scores and the verdicts on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evalkit.records import CellRecord, ScoreRecord

if TYPE_CHECKING:
    from evalkit.judging.certificates import Standing
    from evalkit.plan import Cell


@dataclass
class ScoredCell:
    """A scored cell with what its gates need.

    scores: by confidence, for every confidence that a gate of the suite asks for. keys: by sample
    and answer, where the response is stored; None where it is not. first_unanswered: the
    shortened error of the first unanswered sample. standings: the judges of each judged score.
    """

    cell: Cell
    record: CellRecord
    position: int
    scores: dict[float, dict[str, ScoreRecord]] = field(default_factory=dict)
    keys: list[list[str | None]] = field(default_factory=list)
    first_unanswered: str = ""
    standings: dict[str, list[Standing]] = field(default_factory=dict)

    def add(self, made: Callable[[float], Mapping[str, ScoreRecord]]) -> None:
        """Add scores at every confidence. made: from a confidence to scores by name."""
        self.record.scores.update(made(0.95))
        for confidence, scores in self.scores.items():
            scores.update(made(confidence))
