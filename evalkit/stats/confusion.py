"""Intervals of scores that are made of confusion counts (F1, kappa, MCC, balanced accuracy).

The counts say little about a label that is rare, and resampling them says less: a label that was
always right stays right in every resample. Here the score is computed for thousands of tables
that the counts make plausible: the answers to each target label are drawn from a Dirichlet
posterior, the shares of the target labels from another, and the bounds are quantiles of the score.

The prior weighs 2/k samples for each of k labels, so that a macro average over many labels is not
drawn to the middle. For the lower bound three quarters of it are errors, for the upper bound one
quarter: as in the interval of Clopper and Pearson (which puts all of it there), the prior of each
end opposes that end. The prior of the shares weighs half a sample for each label (H.
Jeffreys, Theory of Probability, 1961), also for a label without samples, so that the interval
includes its uncertainty. Samples in units (questions, clusters) are weighted together.
``benchmarks/coverage.py`` shows how often the bounds hold.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.bounded import Units
from evalkit.stats.intervals import NONE, Interval

Floats = NDArray[np.float64]
METHOD = "posterior"
DRAWS = 10_000
_FEWEST = 1_000
_NUMBERS = 10_000_000  # cells or weights drawn in all: half a second
_CELLS = 2_000_000  # numbers in memory at a time
_AGAINST = 0.75  # the part of the prior that opposes an end


def counts_interval(
    counts: NDArray[Any],
    statistic: Callable[[NDArray[Any]], Floats],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of a score of independent samples.

    counts: shape (k, m), targets by answers. statistic: from tables of shape (r, k, m) to r scores.
    None without samples, or when fewer than half of the tables have a score.
    """
    table = np.asarray(counts, dtype=np.float64)
    flat = table.reshape(-1)
    found = np.flatnonzero(flat)

    def draw(rng: np.random.Generator, r: int) -> Floats:
        cells = np.zeros((r, flat.size))
        cells[:, found] = rng.standard_gamma(flat[found], size=(r, len(found)))
        return cells.reshape(r, *table.shape)

    return _interval(table, draw, statistic, 1.0, table.size, confidence, seed)


def grouped_interval(
    kinds: NDArray[np.int64],
    shape: tuple[int, int],
    statistic: Callable[[NDArray[Any]], Floats],
    units: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of a score of samples that come in units.

    kinds: shape (n,), the place of each sample in the counts laid out flat; shape: theirs. The
    priors weigh as much as an average unit. None for fewer than two units.
    """
    from scipy.sparse import csr_array

    n, cells = len(kinds), shape[0] * shape[1]
    if not n:
        return NONE
    grouped = Units.of(units, n)
    if grouped.count < 2:
        return NONE
    members = csr_array(
        (np.ones(n), (kinds, grouped.of_sample)), shape=(cells, grouped.count)
    )  # counts of each cell within each unit: equal places add up

    def draw(rng: np.random.Generator, r: int) -> Floats:
        weights = rng.standard_exponential((grouped.count, r))
        counts: Floats = np.asarray(members @ weights, dtype=np.float64).T.reshape(r, *shape)
        return counts

    table = np.bincount(kinds, minlength=cells).reshape(shape).astype(np.float64)
    numbers = max(cells, grouped.count)
    return _interval(table, draw, statistic, n / grouped.count, numbers, confidence, seed)


def _interval(
    table: Floats,
    draw: Callable[[np.random.Generator, int], Floats],
    statistic: Callable[[NDArray[Any]], Floats],
    size: float,
    numbers: int,
    confidence: float,
    seed: int,
) -> Interval:
    """The interval from draws of the observed counts. numbers: how many one draw takes."""
    value = float(statistic(table[np.newaxis])[0]) if table.any() else np.nan
    if not np.isfinite(value):
        return NONE
    tail = (1 - confidence) / 2
    worse, better = _prior(table, size, _AGAINST), _prior(table, size, 1 - _AGAINST)
    rng = np.random.default_rng(seed)
    lower: list[Floats] = []
    upper: list[Floats] = []
    draws = min(DRAWS, max(_FEWEST, _NUMBERS // numbers))
    step = max(1, _CELLS // numbers)
    for start in range(0, draws, step):
        r = min(step, draws - start)
        seen = draw(rng, r)
        shares = seen.sum(axis=2) + size * rng.standard_gamma(0.5, size=seen.shape[:2])
        for scores, prior in ((lower, worse), (upper, better)):
            scores.append(statistic(_plausible(seen + prior(rng, r), shares)))
    low, high = _usable(lower), _usable(upper)
    if not len(low) or not len(high):
        return NONE
    bottom, top = float(np.quantile(low, tail)), float(np.quantile(high, 1 - tail))
    return Interval(min(bottom, value), max(top, value), METHOD)


def _prior(
    table: Floats, size: float, errors: float
) -> Callable[[np.random.Generator, int], Floats]:
    """Draws of what the prior adds to each cell. errors: the part of it without hits."""
    k, width = table.shape
    width = width if table[:, k:].any() else k  # answers without a label, only if they occur
    others = max(width - 1, 1)
    hits = np.arange(k)

    def draw(rng: np.random.Generator, r: int) -> Floats:
        # The share of errors is drawn; which error matters little, so all get equal parts.
        missed = rng.standard_gamma(2 / k * errors, size=(r, k, 1)) / others
        cells = np.zeros((r, *table.shape))
        cells[:, :, :width] = missed
        cells[:, hits, hits] = rng.standard_gamma(2 / k * (1 - errors), size=(r, k))
        return size * cells

    return draw


def _plausible(cells: Floats, shares: Floats) -> Floats:
    """Tables whose rows are in proportion to cells and sum to shares, which sum to 1 in all."""
    within = cells.sum(axis=2)
    scale = np.divide(shares, within, out=np.zeros_like(shares), where=within > 0)
    tables: Floats = cells * (scale / shares.sum(axis=1, keepdims=True))[:, :, np.newaxis]
    return tables


def _usable(scores: list[Floats]) -> Floats:
    """The scores that are defined; none where that is fewer than half."""
    made = np.concatenate(scores)
    usable = made[np.isfinite(made)]
    return usable if len(usable) >= len(made) / 2 else usable[:0]
