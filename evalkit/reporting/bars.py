"""Where a value, its interval and a threshold stand on an axis, in percent of its length."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.records import GateRecord, ScoreRecord


@dataclass(frozen=True, slots=True)
class Axis:
    """The values at the two ends of a bar."""

    low: float
    high: float

    def at(self, value: float | None) -> float | None:
        """The place of a value between 0 and 100; values off the axis stand at its end."""
        if value is None or math.isnan(value):
            return None
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)


@dataclass(frozen=True, slots=True)
class Bar:
    """A value, its interval and its thresholds, in percent of the axis.

    needed: start and width of the part of the axis where the gate would be met.
    """

    value: float | None
    low: float | None
    high: float | None
    thresholds: tuple[float, ...] = ()
    needed: tuple[float, float] | None = None

    @property
    def width(self) -> float:
        """The width of the interval; 0 where there is none."""
        return 0.0 if self.low is None or self.high is None else round(self.high - self.low, 2)


def axis(low: float | None, high: float | None, seen: Iterable[float | None]) -> Axis:
    """The axis of a score: its range of values, or the observed values if it is unbounded."""
    values = [v for v in seen if v is not None and math.isfinite(v)]
    start = low if low is not None and math.isfinite(low) else min(values, default=0.0)
    end = high if high is not None and math.isfinite(high) else _above(max(values, default=1.0))
    return Axis(start, end) if end > start else Axis(start, start + 1.0)


def _above(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 5) if value <= step * power), 10 * power)


def gate_bar(gate: GateRecord, score: ScoreRecord | None) -> Bar:
    """A gate on the axis of its score."""
    low, high = (score.range_low, score.range_high) if score else (0.0, None)
    on = axis(low, high, (gate.value, gate.low, gate.high, gate.threshold))
    tick = on.at(gate.threshold)
    needed = None
    if tick is not None and gate.op in (">=", ">"):
        needed = (tick, round(100 - tick, 2))
    elif tick is not None and gate.op in ("<=", "<"):
        needed = (0.0, tick)
    return Bar(
        on.at(gate.value),
        on.at(gate.low),
        on.at(gate.high),
        () if tick is None else (tick,),
        needed,
    )


def score_bar(score: ScoreRecord, on: Axis, gates: Iterable[GateRecord]) -> Bar:
    """A score on an axis it shares with other cells, with the thresholds set on it."""
    places = (on.at(gate.threshold) for gate in gates if gate.score == score.name)
    return Bar(
        on.at(score.value),
        on.at(score.low),
        on.at(score.high),
        tuple(dict.fromkeys(place for place in places if place is not None)),
    )
