"""Permutation tests of paired samples, which exchange the answers of the two sides.

If two models do not differ, exchanging their answers to a sample does not change the distribution.
So the observed difference is compared with those from exchanging the answers to some of the
samples: all ways to do so if few samples differ, else ways drawn at random. Means over samples and
scores of sums take the same test: in a mean, an exchange flips the sign of the sample's difference.

Sources: R. A. Fisher, The Design of Experiments (1935), section 21; for scores of sums, S. Riezler
and J. T. Maxwell, On Some Pitfalls in Automatic Evaluation and Significance Testing, ACL 2005
workshop; for the p-value of drawn exchanges, B. Phipson and G. K. Smyth, Permutation P-values
Should Never Be Zero, Statistical Applications in Genetics and Molecular Biology 9 (2010) 39.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil, floor, isfinite, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.differences import UNBOUNDED, Ends

Floats = NDArray[np.float64]
DRAWS = 10_000
_MOST_DRAWS = 200_000  # for a confidence that needs more than those
_ALL = 13  # units that differ, up to which all ways to exchange them are gone through
_CELLS = 2_000_000  # numbers in memory at a time: 16 MB
_WORK = 400_000_000  # numbers drawn in all: some seconds


class Tested(NamedTuple):
    """A test of no difference: its two-sided p-value, and the interval that inverts it.

    ends: infinite if the test cannot reject with so few units. exact: whether ``p`` is
    over all exchanges.
    """

    p: float
    ends: Ends
    exact: bool


def sign_flip(sums: Floats, sizes: Floats, *, confidence: float = 0.95, seed: int = 0) -> Tested:
    """Test of the mean of paired differences, by turning their signs.

    sums, sizes: shape (g,), the sum of the differences in each unit, and how many samples it holds
    (1 where samples stand alone). The interval holds the means that, taken off every difference,
    the test does not reject: its ends are order statistics of the means of subsets of the units.

    Source of the ends: J. S. Maritz, A Note on Exact Robust Confidence Intervals for Location,
    Biometrika 66 (1979) 163-166.
    """
    units, draws = len(sums), _draws(confidence, len(sums))
    table = np.column_stack([sums, sizes])
    half = np.concatenate([drawn @ table for drawn in _patterns(units, draws, seed)])
    subsets = np.concatenate([half, table.sum(axis=0) - half])
    there = subsets[:, 1] > 0
    # Flipping none, or all, is as extreme as the observation. If all flips are enumerated,
    # that is the result itself, which the reference counts.
    trivial = 0 if units <= _ALL else int((~there).sum())
    subsets, reference = subsets[there], _reference(units, draws)
    ends = _order_statistics(subsets, _rejected(confidence, reference) - trivial)
    differing = sums[sums != 0]
    exact = len(differing) <= _ALL
    gained = subsets[:, 0]
    if exact and units > _ALL:  # equal answers are unchanged by an exchange
        half = np.concatenate([d @ differing for d in _patterns(len(differing), 0, seed)])
        gained = np.concatenate([half[1:], differing.sum() - half])  # the first turns none
        trivial, reference = 0, _reference(len(differing), 0)
    # Turning the units of a subset takes a result further off where its sum is of the other sign.
    total, rounding = float(sums.sum()), 1e-12 * float(np.abs(sums).sum())
    if abs(total) <= rounding:
        return Tested(1.0, ends, exact)
    as_extreme = trivial + int((gained * np.sign(total) <= rounding).sum())
    return Tested(min(1.0, (1 + as_extreme) / reference), ends, exact)


def _order_statistics(subsets: Floats, beyond: int) -> Ends:
    """The means of subsets (sums, sizes) that have ``beyond`` others below, and above, them."""
    if beyond < 0:
        return UNBOUNDED
    means = subsets[:, 0] / subsets[:, 1]
    above = len(means) - 1 - beyond
    means.partition([beyond, above])
    return Ends(float(means[beyond]), float(means[above]))


def exchanges(
    differences: Callable[[Floats], Floats],
    units: int,
    observed: float,
    gains: Floats,
    shares: Floats,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    most: int = _MOST_DRAWS,
) -> Tested:
    """Test of the difference of two scores, by exchanging units between the two.

    differences: from which units are exchanged, shape (r, units), 1 for those, to the differences
    of the scores then, shape (r,). units: those that differ; exchanging others changes nothing.
    observed: the difference as it is. gains: what each unit adds to it, whether it differs or not,
    shape (g,). shares: of the samples, that are in each unit, shape (g,). most: exchanges to draw
    at most. An undefined score counts as far off.

    The interval holds the differences that, taken off in proportion to the shares, are not rejected
    by as many standard errors of the exchanges as it takes at no difference. So it contains 0
    exactly if the test does not reject.
    """
    if observed == 0 or not units:
        return Tested(1.0, UNBOUNDED, True)
    exact, draws = units <= _ALL, min(_draws(confidence, units), most)
    found = np.concatenate([differences(drawn) for drawn in _patterns(units, draws, seed)])
    found = np.nan_to_num(np.abs(found), nan=np.inf)
    others = found[1:] if exact else found  # the first of all ways exchanges nothing
    reference = _reference(units, draws)
    p = (1 + int((others >= abs(observed) * (1 - 1e-12)).sum())) / reference
    most_beyond = _rejected(confidence, reference)
    if not 0 <= most_beyond < len(others):
        return Tested(p, UNBOUNDED, exact)
    far = float(np.partition(others, -1 - most_beyond)[-1 - most_beyond])
    variance = float(np.mean(found[np.isfinite(found)] ** 2))
    if not isfinite(far) or not variance:
        return Tested(p, UNBOUNDED, exact)
    return Tested(p, _not_rejected(observed, far * far / variance, variance, gains, shares), exact)


def _not_rejected(
    observed: float, squared: float, variance: float, gains: Floats, shares: Floats
) -> Ends:
    """The differences c with (observed - c)² ≤ squared · variance(c).

    variance(c) = variance - 2 c · covariance + c² · Σ shares²: that of the exchanges where each
    unit's gain is less by c times its share.
    """
    even = float((shares**2).sum())
    covariance = observed * even + float(gains @ (shares - even))
    leading = 1 - squared * even
    if leading <= 0:
        return UNBOUNDED
    middle = (observed - squared * covariance) / leading
    outside = (observed * observed - squared * variance) / leading
    half = sqrt(max(middle * middle - outside, 0.0))
    return Ends(middle - half, middle + half)


def least_p(confidence: float) -> float:
    """The smallest p-value that drawn permutations give."""
    return 1 / (1 + _draws(confidence, 1))


def _draws(confidence: float, units: int) -> int:
    """The number of exchanges to draw: 20 or more beyond the level, within seconds."""
    wanted = max(DRAWS, ceil(20 / max(1 - confidence, 1e-9)))
    return min(wanted, _MOST_DRAWS, max(1_000, _WORK // max(units, 1)))


def _reference(units: int, draws: int) -> int:
    """The number of exchanges a result is compared with, itself included.

    Of all, half: those that exchange the rest instead give the same difference, turned.
    """
    return 2 ** max(units - 1, 0) if units <= _ALL else draws + 1


def _rejected(confidence: float, reference: int) -> int:
    """How many others may be as extreme as a rejected result; below 0 if none can be rejected."""
    return floor((1 - confidence) * reference + 1e-9) - 1


def _patterns(units: int, draws: int, seed: int) -> Iterator[Floats]:
    """Which units are exchanged, in chunks of shape (r, units): all ways that leave the last one
    where it is, the first of them none; or ways drawn at random."""
    if units <= _ALL:
        ways = np.arange(2 ** max(units - 1, 0))
        yield ((ways[:, np.newaxis] >> np.arange(units)) & 1).astype(np.float64)
        return
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // units)
    for start in range(0, draws, step):
        shape = (min(step, draws - start), (units + 7) // 8)
        drawn = rng.integers(0, 256, shape, dtype=np.uint8)
        yield np.unpackbits(drawn, axis=1, count=units).astype(np.float64)
