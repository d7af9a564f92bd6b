"""Score intervals of the mean of paired differences, valid also if few differ from 0.

Most samples are answered alike by two models, or by an application before and after a change. A
standard error sees only the differences that occurred: without any it is 0, with few it is too
small, and a drop that is rare but large goes unseen. The intervals here are score intervals: for
each mean they use the likelihood of the data under it, so n equal pairs allow for a difference in
about 3.7 of n (at 95 %).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_HALVINGS = 60  # of an interval of length 2: down to the last digits of a float


class Ends(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


UNBOUNDED = Ends(-inf, inf)
NOTHING_SEEN = "no difference was seen, and values without a range do not bound it"
"""Why two sides have no interval of their difference."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Sufficient statistics of paired differences for an interval at this or another n.

    value: their mean. up, down: the sums of those above and below 0, over n; both ≥ 0, and
    ``up - down`` is the mean (of other scores: approximately). square: the mean of their
    squares. width: the largest difference a sample can have. n: how many there are; for clusters
    the effective number, not an integer. binary: whether all are -1, 0 or 1 by nature.
    """

    value: float
    up: float
    down: float
    square: float
    width: float
    n: float
    binary: bool = False

    @property
    def size(self) -> float:
        """The typical size of a nonzero difference.

        The mean of the sizes, each weighted by itself, with one more difference of the largest size
        possible: unseen differences may be larger than the observed ones.
        """
        seen = self.n * (self.up + self.down)
        most = 0.0 if self.binary else self.width
        whole = seen + most
        typical = (self.n * self.square + most * most) / whole if whole else self.width
        return max(typical, self.up + self.down)  # at most all differ

    @property
    def error(self) -> float:
        """The standard error of the mean; NaN for n ≤ 1."""
        if self.n <= 1:
            return nan
        return sqrt(max(self.square - (self.up - self.down) ** 2, 0.0) / (self.n - 1))

    def turned(self) -> Differences:
        """The differences with their signs turned."""
        return replace(self, value=-self.value, up=self.down, down=self.up)


def of_values(
    values: Floats, width: float, clusters: Sequence[Hashable] | None = None
) -> Differences:
    """The differences of n samples, or of the clusters they are in. values: shape (n,)."""
    sums, sizes = by_cluster(values, clusters)
    return of_units(sums / len(values), sizes / len(values), width)


def of_units(
    gains: Floats, shares: Floats, width: float, value: float | None = None
) -> Differences:
    """The differences of units (samples, or clusters of them).

    gains: what each unit adds to the difference. shares: of the samples, that are in each unit;
    they sum to 1. value: the difference where the gains only nearly sum to it.
    """
    mean, n = float(gains.sum()), 1 / float((shares**2).sum())
    return Differences(
        value=mean if value is None else value,
        up=float(gains[gains > 0].sum()),
        down=-float(gains[gains < 0].sum()),
        square=mean * mean + n * float(((gains - mean * shares) ** 2).sum()),
        width=width,
        n=n,
    )


def by_cluster(values: Floats, clusters: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """The sum of each cluster's values, and its size; of each value where there are none."""
    if clusters is None:
        return values, np.ones(len(values))
    number = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    of = np.array([number[cluster] for cluster in clusters], dtype=np.int64)
    sums = np.bincount(of, weights=values).astype(np.float64)
    return sums, np.bincount(of).astype(np.float64)


def _low(seen: Differences, confidence: float) -> float:
    """The lower end of the score interval of the mean difference.

    Tango's interval of a difference of paired proportions, with the differences above and below 0
    counted in units of their size, and with Student's quantile in place of the normal one, without
    which too much is excluded for small n. Where no two values differ: the exact (Clopper-Pearson)
    bound of a share of 0 in n, times the largest difference possible.

    Source: T. Tango, Equivalence test and confidence interval for the difference in proportions for
    the paired-sample design, Statistics in Medicine 17 (1998) 891-908.
    """
    from scipy.special import stdtrit

    tail = (1 - confidence) / 2
    n, size = seen.n, seen.size
    if seen.up + seen.down == 0:
        return float(-seen.width * (1 - tail ** (1 / n)))
    if n <= 1:
        return -seen.width
    quantile = float(stdtrit(n - 1, 1 - tail))
    # The score need not be the mean of the differences, but they give its interval's width.
    below = (seen.up - seen.down) / size - tango(seen.up / size, seen.down / size, n, quantile)
    return max(seen.value - size * below, -seen.width)


def tango(up: float, down: float, n: float, quantile: float) -> float:
    """The smallest difference of two shares that shares ``up`` and ``down`` of n pairs allow."""
    mean = up - down
    low, high = -1.0, mean
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # The most likely share of pairs that go down under this difference.
        linear = (2 - mean) * middle - up - down
        root = sqrt(max(linear * linear + 8 * down * middle * (1 - middle), 0.0))
        likeliest = (root - linear) / 4
        variance = max(2 * likeliest + middle - middle * middle, 0.0) / n
        if mean - middle <= quantile * sqrt(variance):
            high = middle
        else:
            low = middle
    return high


def conditional_ends(seen: Differences, confidence: float = 0.95) -> Ends:
    """The interval that McNemar's exact test implies, given how many pairs differ.

    The Clopper-Pearson interval of the share of the pairs that differ in which b is better, turned
    into a difference. It contains 0 exactly if the test does not reject.

    Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404-413.
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    ups, downs, share = seen.up * seen.n, seen.down * seen.n, seen.up + seen.down
    low = float(betaincinv(ups, downs + 1, tail)) if ups else 0.0
    high = float(betaincinv(ups + 1, downs, 1 - tail)) if downs else 1.0
    return Ends((2 * low - 1) * share, (2 * high - 1) * share)


def student_ends(seen: Differences, confidence: float = 0.95) -> Ends:
    """Student's interval of the mean difference: what a permutation test implies for large n."""
    from scipy.special import stdtrit

    if seen.n <= 1 or seen.square == 0:
        return UNBOUNDED
    half = float(stdtrit(seen.n - 1, 0.5 + confidence / 2)) * seen.error
    return Ends(seen.value - half, seen.value + half)


def joined(seen: Differences, tested: Ends, rejected: bool, confidence: float = 0.95) -> Ends:
    """The ends that a test implies, widened to the score interval.

    tested: the interval that inverts a test of no difference; infinite where the test could not
    reject with so few samples. rejected: whether the test rejects at 1 - confidence. The result
    contains 0 exactly if it does not. An end that excludes 0 is the test's, but allows for unseen
    samples on which the two do not differ.
    """
    turned = _below(seen.turned(), -tested.high, rejected, confidence)
    return Ends(_below(seen, tested.low, rejected, confidence), -turned)


def _below(seen: Differences, tested: float, rejected: bool, confidence: float) -> float:
    least = 1e-6 * min(abs(seen.value) or inf, seen.width)
    if rejected and seen.value > 0:
        return max(min(tested, _inner(seen, confidence)), least)
    low = min(_low(seen, confidence), tested if isfinite(tested) else inf)
    return max(low if rejected else min(low, -least), -seen.width)


def _inner(seen: Differences, confidence: float) -> float:
    """How near to 0 a mean (> 0) may be given unseen samples without a difference.

    Of -1, 0 and 1: Tango's bound. Else the score interval against mixtures of the observed
    differences with a share of zeros.
    """
    from scipy.special import ndtri, stdtrit

    if seen.binary:
        return tango(seen.up, seen.down, seen.n, float(ndtri(0.5 + confidence / 2)))
    if seen.n <= 1:
        return 0.0
    mean, spread = seen.value, seen.error**2 * seen.n
    a = float(stdtrit(seen.n - 1, 0.5 + confidence / 2)) ** 2 / seen.n
    linear = a * (mean - spread / mean)
    return mean - (linear + sqrt(linear * linear + 4 * (1 + a) * a * spread)) / (2 * (1 + a))


def ends_at(seen: Differences, n: float, confidence: float = 0.95) -> Ends:
    """The approximate interval of n samples with differences like these.

    The score interval is exactly that at n; the test's is that of McNemar's exact test (fractions
    of pairs allowed), else Student's, which permutation tests come to.
    """
    then = replace(seen, n=n)
    tested = (conditional_ends if seen.binary else student_ends)(then, confidence)
    if not seen.binary and 2 ** (1 - n) > 1 - confidence:  # no permutation test rejects
        tested = UNBOUNDED
    return joined(then, tested, tested.low > 0 or tested.high < 0, confidence)
