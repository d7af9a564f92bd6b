"""Intervals of bounded scores, valid for few units and without variation.

Add one more unit, the worst possible: a sample that scores the lowest value of the range for the
lower bound, the highest for the upper one. Weights of all
units drawn from Dirichlet(1, …, 1) then give a distribution of the score, and the bound is its
quantile. Of a mean of 0/1 values that is the interval of Clopper and Pearson; of any other mean
it adapts to the values' spread, yet never claims more than n samples of *some* distribution on
the range can show. A mean of equal values has no width by resampling, but has one here.

A unit is what is independent of the others: a sample, a question with all its answers, or a
cluster. The extra unit is as large as the average one.

Sources: N. Gaffke, Three Test Statistics for a Nonparametric One-Sided Hypothesis on the Mean of a
Nonnegative Variable, Math. Methods of Statistics 14 (2005) 451-467; E. Learned-Miller and P. S.
Thomas, A New Confidence Interval for the Mean of a Bounded Random Variable, arXiv:1905.06208,
which conjecture that it covers at least as often as it says for every distribution. The
tail probability is that of R. Lugannani and S. Rice, Advances in Applied Probability 12 (1980)
475-490, whose relative error is below a hundredth here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, nan, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.intervals import NONE, Interval

Floats = NDArray[np.float64]
METHOD = "bounded"
_GROUPS = 1_024  # more units than twice this are drawn together with others like them
_DRAWN = 20_000_000  # weights drawn in all: half a second
_MOST, _FEWEST = 10_000, 1_000  # draws


@dataclass(frozen=True, slots=True)
class Units:
    """Independent units: how many, and the unit of each of n samples, shape (n,)."""

    count: int
    of_sample: NDArray[np.int64]

    @classmethod
    def of(cls, names: Sequence[Hashable] | None, n: int) -> Units:
        """Units by name; each of n samples one of its own when there are no names."""
        if names is None:
            return cls(n, np.arange(n))
        if len(names) != n:
            raise ValueError(f"{n} samples but {len(names)} units")
        index = {name: i for i, name in enumerate(dict.fromkeys(names))}
        return cls(len(index), np.array([index[name] for name in names], dtype=np.int64))

    def sums(self, values: ArrayLike) -> Floats:
        """Values of shape (n,) summed over each unit."""
        sums: Floats = np.bincount(
            self.of_sample, weights=np.asarray(values, dtype=np.float64), minlength=self.count
        ).astype(np.float64)
        return sums


def mean_interval(
    values: ArrayLike,
    *,
    low: float = 0.0,
    high: float = 1.0,
    units: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the mean of values that lie between low and high.

    values: shape (n,). units: what each value belongs to; None: each stands alone. None for n = 0.
    """
    x = np.asarray(values, dtype=np.float64)
    return ratio_interval(
        x, np.ones(len(x)), low=low, high=high, units=units, confidence=confidence
    )


def ratio_interval(
    parts: ArrayLike,
    wholes: ArrayLike,
    *,
    low: float = 0.0,
    high: float = 1.0,
    units: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the sum of parts over the sum of wholes (a mean, a recall, an entity F1).

    parts, wholes: shape (n,), wholes ≥ 0; low · whole ≤ part ≤ high · whole for every sample.
    Units without a whole are ignored. None when all wholes are 0, and for
    fewer than two units that are named.
    """
    wholes = np.asarray(wholes, dtype=np.float64)
    grouped = Units.of(units, len(wholes))
    size = grouped.sums(wholes)
    inside = size > 0
    if not inside.any() or (units is not None and inside.sum() < 2):
        return NONE
    tail = (1 - confidence) / 2
    part, whole, count = _joined(grouped.sums(parts)[inside], size[inside])
    extra = float(count @ whole / count.sum())
    bounds = [
        _quantile(
            np.append(part, extra * end),
            np.append(whole, extra),
            np.append(count, 1.0),
            tail if end == low else 1 - tail,
            (low, high),
        )
        for end in (low, high)
    ]
    return Interval(bounds[0], bounds[1], METHOD)


def ratio_error(
    parts: ArrayLike, wholes: ArrayLike, units: Sequence[Hashable] | None = None
) -> tuple[float, float]:
    """Standard error of the sum of parts over the sum of wholes, and its degrees of freedom.

    The sandwich estimator over units, corrected for the leverage of each, with the degrees of
    freedom of R. M. Bell and D. F. McCaffrey, Survey Methodology 28 (2002) 169-181: units - 1 where
    all are of one size, fewer where one outweighs the rest. NaN for fewer than two units.
    """
    wholes = np.asarray(wholes, dtype=np.float64)
    grouped = Units.of(units, len(wholes))
    part, whole = grouped.sums(parts), grouped.sums(wholes)
    inside = whole > 0
    part, whole = part[inside], whole[inside]
    if len(part) < 2:
        return nan, nan
    total = float(whole.sum())
    value = float(part.sum()) / total
    share = whole / total
    residuals = part - value * whole
    error = sqrt(float((residuals**2 / (1 - share)).sum())) / total
    leverage = share**2 / (1 - share)
    spread = float(share @ share) + float(leverage.sum()) ** 2 - float(leverage @ leverage)
    return error, 1 / spread


def resampled_interval(
    score: Callable[[Floats], Floats],
    value: float,
    n: int,
    *,
    low: float,
    high: float,
    mass: ArrayLike | None = None,
    units: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of a score of n samples that is no ratio of sums (BLEU, an area under a curve).

    score: from weights, shape (r, n), to scores, shape (r,); value: that of weights of 1. mass: how
    much each sample counts for it, shape (n,), 0 for those it is not over; what it says decides
    how much the extra unit weighs. low, high: the range. None when fewer than half of the draws
    have a score.
    """
    grouped = Units.of(units, n)
    size = grouped.sums(np.ones(n) if mass is None else mass)
    if not size.any() or not isfinite(value) or (units is not None and grouped.count < 2):
        return NONE
    rng = np.random.default_rng(seed)
    draws = min(_MOST, max(_FEWEST, _DRAWN // max(n, 1)))
    step = max(1, 4_000_000 // max(n, 1))
    scores, shares = [], []
    for start in range(0, draws, step):
        drawn = min(step, draws - start)
        weights = rng.standard_exponential((drawn, grouped.count))
        extra = rng.standard_exponential(drawn) * float(size[size > 0].mean())
        scores.append(score(weights[:, grouped.of_sample] if units is not None else weights))
        shares.append(extra / (weights @ size + extra))
    made, share = np.concatenate(scores), np.concatenate(shares)
    usable = np.isfinite(made)
    if usable.sum() < len(made) / 2:
        return NONE
    made, share = made[usable], share[usable]
    tail = (1 - confidence) / 2
    bottom = float(np.quantile((1 - share) * made + share * low, tail))
    top = float(np.quantile((1 - share) * made + share * high, 1 - tail))
    return Interval(min(bottom, value), max(top, value), METHOD)


def unbounded_interval(
    value: float, error: float, freedom: float, *, floor: float = -inf, confidence: float = 0.95
) -> Interval:
    """Student's interval of a score whose range has no upper end.

    value: the score; error: its standard error with ``freedom`` degrees of freedom. Where the
    score cannot go below ``floor``, its spread is taken to grow with its height above it, as that
    of losses, lengths and perplexities does: the upper bound is the score whose own interval would
    just reach down to the value. None without variation, and where so few units bound nothing.
    """
    from scipy.special import stdtrit

    if not isfinite(error) or error <= 0:
        return NONE
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    if not isfinite(floor):
        return Interval(value - half, value + half, "t")
    above = value - floor
    if half >= above:
        return NONE
    return Interval(value - half, floor + above / (1 - half / above), "t")


def _joined(part: Floats, whole: Floats) -> tuple[Floats, Floats, Floats]:
    """Units with how many there are of each; of many, those that are alike as their mean."""
    if len(part) > 2 * _GROUPS:
        order = np.argsort(part / whole, kind="stable")
        starts = np.linspace(0, len(part), _GROUPS, endpoint=False).astype(np.int64)
        count = np.diff(np.append(starts, len(part))).astype(np.float64)
        return (
            np.add.reduceat(part[order], starts) / count,
            np.add.reduceat(whole[order], starts) / count,
            count,
        )
    kinds, counts = np.unique(np.column_stack([part, whole]), axis=0, return_counts=True)
    return kinds[:, 0], kinds[:, 1], counts.astype(np.float64)


def _quantile(
    part: Floats, whole: Floats, count: Floats, wanted: float, ends: tuple[float, float]
) -> float:
    """The value that a ratio with gamma(count) weights stays below with the wanted chance."""
    from scipy.special import ndtri

    ratios = part / whole
    below, above = max(float(ratios.min()), ends[0]), min(float(ratios.max()), ends[1])
    if above - below <= 1e-12 * max(1.0, abs(above)):  # the extra unit is like all others
        return float(ratios[-1])
    # The chance is nearly normal in the value, so the search is nearly linear in its quantile.
    target = float(ndtri(wanted))
    mean = float(count @ part) / float(count @ whole)
    spread = sqrt(float(count @ (part - mean * whole) ** 2)) / float(count @ whole)
    at, last = mean + target * spread, None
    for _ in range(60):
        if not below < at < above:
            at = (below + above) / 2
        reached = float(ndtri(_chance_below(part - at * whole, count)))
        below, above = (at, above) if reached < target else (below, at)
        if abs(reached - target) < 1e-7 or above - below <= 1e-10 * (ends[1] - ends[0]):
            break
        slope = 1 / spread if last is None else (reached - last[1]) / (at - last[0])
        last = (at, reached)
        at = at + (target - reached) / slope if isfinite(slope) and slope > 0 else above
    return at


def _chance_below(terms: Floats, count: Floats) -> float:
    """The chance that the sum of terms with weights from gamma(count) is at most 0."""
    from scipy.special import ndtr

    smallest, largest = float(terms.min()), float(terms.max())
    if smallest >= 0 or largest <= 0:
        return 0.0 if smallest >= 0 else 1.0
    at = _saddle(terms, count, 1 / smallest, 1 / largest)
    scaled = terms / (1 - at * terms)
    spread = float(count @ scaled**2)
    twice = 2 * float(count @ np.log1p(-at * terms))
    root = float(np.sign(at)) * sqrt(max(twice, 0.0))
    if abs(root) < 1e-4:  # at the mean, where the formula is 0/0
        return float(0.5 + count @ scaled**3 / (3 * spread**1.5 * sqrt(2 * pi)))
    density = exp(-root * root / 2) / sqrt(2 * pi)
    return float(ndtr(root) + density * (1 / root - 1 / (at * sqrt(spread))))


def _saddle(terms: Floats, count: Floats, left: float, right: float) -> float:
    """Where the derivative of the cumulant generating function is 0, between its poles."""
    at: float = 0.0
    for _ in range(100):
        scaled = terms / (1 - at * terms)
        slope = float(count @ scaled)
        left, right = (left, at) if slope > 0 else (at, right)
        new = at - slope / float(count @ scaled**2)
        if not left < new < right:
            new = (left + right) / 2
        if abs(new - at) <= 1e-12 * abs(new) or new == at:
            return float(new)
        at = new
    return float(at)
