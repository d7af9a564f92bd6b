"""Compare scores that are not means over samples, by exchanging samples between two sides.

A macro F1, a corpus BLEU and an area under a curve have no per-sample values. But with any
assignment of the two answers to the sides, both sides have a score, so the permutation test of
:mod:`evalkit.stats.permutation` applies. The change from exchanging one sample alone stands for
the difference on it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.differences import NOTHING_SEEN, Differences, joined, of_units
from evalkit.stats.permutation import exchanges

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Statistic = Callable[[NDArray[Any]], Floats]
"""From sums, or weights, shape (r, k), to scores, shape (r,); NaN where undefined."""
Worse = tuple[Any, Any, Floats | float]
_CELLS = 2_000_000  # numbers in memory at a time
_ALONE = 500  # samples that are exchanged or left out alone, where each takes long


@dataclass(frozen=True)
class Units:
    """The units of an exchange: samples, or their clusters.

    a, b: the unit that each answer of a side belongs to. sizes: how many samples each unit has.
    """

    a: Numbers
    b: Numbers
    sizes: Floats

    @property
    def shares(self) -> Floats:
        """Of the samples, the share in each unit."""
        shares: Floats = self.sizes / self.sizes.sum()
        return shares


def units_of(
    n: int,
    clusters: Sequence[Hashable] | None = None,
    of_a: Sequence[int] | None = None,
    of_b: Sequence[int] | None = None,
) -> Units:
    """The units of n samples. clusters: of each sample, its cluster; default: each is alone.

    of_a, of_b: for the answers of a side, which sample each is to; default: one to each sample.
    """
    number = {name: i for i, name in enumerate(dict.fromkeys(clusters or range(n)))}
    of = np.array([number[name] for name in clusters or range(n)], dtype=np.int64)
    a, b = (of if rows is None else of[np.asarray(rows, np.int64)] for rows in (of_a, of_b))
    return Units(a, b, np.bincount(of).astype(np.float64))


class Sides(Protocol):
    """Two sides of a score whose units can be exchanged."""

    @property
    def differing(self) -> Numbers:
        """The units that differ. Exchanging others changes nothing, so they are left alone."""

    def differences(self, exchanged: Floats) -> Floats:
        """The score of b less that of a with some units exchanged.

        exchanged: shape (r, differing), 1 for a unit that is exchanged, else 0. Shape (r,).
        """

    def alone(self) -> Floats:
        """The same with one unit exchanged alone: each that differs, or some spread over them."""

    def largest(self) -> float:
        """The largest possible difference of a sample; NaN if unknown.

        What one answer (a unit's) can change in a side's score, by its share of the answers.
        """

    def dropped(self) -> float:
        """How much leaving one unit out changes a side's score at most, by the unit's share."""


class Exchanged(NamedTuple):
    """Two scores compared, as in :class:`evalkit.stats.paired.Comparison`."""

    low: float = nan
    high: float = nan
    p: float = nan
    test: str = ""
    seen: Differences | None = None
    note: str = ""


def compare_sides(
    sides: Sides,
    units: Units,
    *,
    width: float,
    confidence: float = 0.95,
    seed: int = 0,
    most: int = 200_000,
) -> Exchanged:
    """The interval of b less a and its p-value. width: of the score's range.

    most: exchanges to draw at most. The interval is that of the permutation test, and as wide as
    the score interval of :mod:`evalkit.stats.differences` at least: what exchanging single units
    changes are the differences; the largest possible is what the worst answer in place of one would
    change, n times over; where that is unknown the range, and without one what leaving out one unit
    changes, n times over.
    """
    observed = float(sides.differences(np.zeros((1, len(sides.differing))))[0])
    if len(units.sizes) < 2 or not isfinite(observed):
        return Exchanged()
    gains, shares = _gains(sides, units, observed), units.shares
    tested = exchanges(
        sides.differences, len(sides.differing), observed, gains, shares,
        confidence=confidence, seed=seed, most=most,
    )  # fmt: skip
    clustered = ", clustered" if units.sizes.max() > 1 else ""
    test = f"permutation{', exact' if tested.exact else ''}{clustered}"
    known = sides.largest()
    largest = known if isfinite(known) else width if isfinite(width) else sides.dropped()
    if not largest and not gains.any():
        return Exchanged(p=tested.p, test=test, note=NOTHING_SEEN)
    seen = of_units(gains, shares, largest, observed)
    seen = replace(seen, width=max(largest, float(np.abs(gains).max()) * seen.n))
    rejected = tested.p <= 1 - confidence + 1e-12
    low, high = joined(seen, tested.ends, rejected, confidence)
    return Exchanged(low, high, tested.p, test, seen)


def _gains(sides: Sides, units: Units, observed: float) -> Floats:
    """What each unit adds to the difference: half of what exchanging it alone takes away."""
    gains: Floats = np.zeros(len(units.sizes))
    if n := len(sides.differing):
        found = np.nan_to_num((observed - sides.alone()) / 2)
        # Units that were not exchanged alone get the value of the next one that was.
        gains[sides.differing] = found[np.arange(n) * len(found) // n]
    return gains


class Summed:
    """Sides of a score that is a function of sums over answers.

    a, b: what each unit adds to the sums, shape (units, k), dense or sparse. shares: of the
    samples, in each unit. worse: for either side, changes of its sums before and after some answer
    (or unit) becomes as bad a one as there is, shapes (m, k), and its share of the answers, a
    number or of shape (m,); empty where that is unknown.
    """

    def __init__(
        self, a: Any, b: Any, statistic: Statistic, shares: Floats, worse: Sequence[Worse] = ()
    ) -> None:
        self._statistic, self._shares, self._worse, self._rows = statistic, shares, worse, (a, b)
        self._totals = [np.asarray(rows.sum(axis=0), np.float64).reshape(1, -1) for rows in (a, b)]
        change = b - a
        self.differing = np.flatnonzero(np.asarray(abs(change).sum(axis=1)).ravel())
        self._change = change[self.differing]

    def differences(self, exchanged: Floats) -> Floats:
        return self._apart(part @ self._change for part in self._parts(exchanged))

    def alone(self) -> Floats:
        return self._apart(self._parts(self._change))

    def largest(self) -> float:
        return self._most(self._worse)

    def dropped(self) -> float:
        return self._most([(0 * rows, -rows, self._shares) for rows in self._rows])

    def _most(self, changes: Sequence[Worse]) -> float:
        most = nan
        for total, (before, after, shares) in zip(self._totals, changes, strict=False):
            parts = zip(self._parts(before), self._parts(after), strict=True)
            found = [self._statistic(total + y) - self._statistic(total + x) for x, y in parts]
            by_share = np.abs(np.concatenate(found)) / shares if found else np.zeros(0)
            most = float(np.fmax(most, np.nanmax(by_share, initial=0.0)))
        return most

    def _apart(self, moved: Iterator[Floats]) -> Floats:
        """The differences of the scores when what is moved goes from b to a."""
        a, b = self._totals
        found = [self._statistic(b - part) - self._statistic(a + part) for part in moved]
        return np.concatenate(found) if found else np.zeros(0)

    def _parts(self, rows: Any) -> Iterator[Floats]:
        step = max(1, _CELLS // self._totals[0].shape[1])
        for start in range(0, rows.shape[0], step):
            part = rows[start : start + step]
            yield part if isinstance(part, np.ndarray) else part.toarray()


class Linear:
    """Sides whose difference is a sum over units, each with its sign turned where exchanged.

    gains: what each unit adds to the difference. largest: as of :class:`Sides`.
    """

    def __init__(self, gains: Floats, largest: float = nan) -> None:
        self.differing = np.flatnonzero(gains)
        self._whole, self._gains = float(gains.sum()), gains[self.differing]
        self._units, self._largest = len(gains), largest

    def differences(self, exchanged: Floats) -> Floats:
        found: Floats = self._whole - 2 * (exchanged @ self._gains)
        return found

    def alone(self) -> Floats:
        found: Floats = self._whole - 2 * self._gains
        return found

    def largest(self) -> float:
        return self._largest

    def dropped(self) -> float:
        return float(np.abs(self._gains).max(initial=0.0)) * self._units


class Reweighted:
    """Sides of a score that is a function of how often each answer of either side occurs.

    score: from weights of a's answers and then b's, shape (r, answers of both), to scores.
    differing: the numbers of the units that differ. largest: as of :class:`Sides`.
    """

    def __init__(
        self,
        score: Statistic,
        units: Units,
        differing: Numbers,
        largest: float = nan,
    ) -> None:
        self._score, self._units, self.differing = score, units, differing
        self._largest = largest

    def differences(self, exchanged: Floats) -> Floats:
        found = []
        for start in range(0, len(exchanged), self._step):
            part = exchanged[start : start + self._step]
            of_units = np.zeros((len(part), len(self._units.sizes)))
            of_units[:, self.differing] = part
            a, b = of_units[:, self._units.a], of_units[:, self._units.b]
            found.append(self._score(np.hstack([a, 1 - b])) - self._score(np.hstack([1 - a, b])))
        return np.concatenate(found) if found else np.zeros(0)

    def alone(self) -> Floats:
        chosen = _spread(len(self.differing))
        rows = np.zeros((len(chosen), len(self.differing)))
        rows[np.arange(len(chosen)), chosen] = 1.0
        return self.differences(rows)

    def largest(self) -> float:
        return self._largest

    def dropped(self) -> float:
        most = 0.0
        for side, of in enumerate((self._units.a, self._units.b)):
            weights = np.zeros((1, len(self._units.a) + len(self._units.b)))
            own = slice(None, len(self._units.a)) if side == 0 else slice(len(self._units.a), None)
            weights[0, own] = 1.0
            before = self._score(weights)[0]
            for unit in _spread(len(self._units.sizes)):
                less = weights.copy()
                less[0, own] = of != unit
                change = abs(self._score(less)[0] - before)
                most = float(np.fmax(most, change / self._units.shares[unit]))
        return most

    @property
    def _step(self) -> int:
        return max(1, _CELLS // (len(self._units.a) + len(self._units.b)))


def _spread(n: int) -> Numbers:
    """Up to 500 of n numbers, spread over them."""
    return np.unique(np.linspace(0, n - 1, min(n, _ALONE)).astype(np.int64)) if n else np.arange(0)
