"""Classification from probabilities of the labels (``answer: choice``)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from math import nan

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UsageError
from evalkit.metrics import build, scikit
from evalkit.metrics.base import Columns, Result, Score, rounded
from evalkit.metrics.label_counts import true_labels
from evalkit.records.analyses import ReliabilityBin
from evalkit.stats.bayesian_bootstrap import posterior_sums, tails
from evalkit.stats.intervals import Interval, wilson

Floats = NDArray[np.float64]
GAP_RESAMPLES = 2_000


def log_loss(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean negative natural log of the target's probability (sklearn.log_loss).

    0 is best, no upper bound. Probabilities are kept at least 2.2e-16 away from 0 and 1.
    """
    probabilities, truth = _inputs(columns)
    # scikit-learn's bounds: one rounding step of a float64 from either end.
    eps = np.finfo(np.float64).eps
    losses = -np.log(np.clip(probabilities[np.arange(len(truth)), truth], eps, 1 - eps))
    # The loss if the least likely label were the target: the worst possible for these answers.
    worst = -np.log(np.clip(probabilities.min(axis=1), eps, 1 - eps))
    highest = max(float(np.mean(worst)), float(losses.max())) if len(losses) else 0.0
    score = build.mean("log_loss", losses, confidence=confidence, limits=(0.0, highest))
    if len(truth) and probabilities.shape[1] > 1:
        score = replace(score, value=scikit.log_loss(truth, probabilities))
    return build.single("log_loss", score)


def brier(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean squared error of the probabilities; 0 is best (sklearn.brier_score_loss).

    Two labels: of the second label's probability, range 0 … 1. More: summed over the labels,
    range 0 … 2. Source: G. W. Brier, Monthly Weather Review 78 (1950) 1-3.
    """
    probabilities, truth = _inputs(columns)
    wanted = np.eye(probabilities.shape[1])[truth]
    errors = ((probabilities - wanted) ** 2).sum(axis=1)
    if probabilities.shape[1] == 2:
        errors /= 2
    score = build.mean("brier", errors, confidence=confidence)
    if len(truth) and probabilities.shape[1] > 1:
        score = replace(score, value=scikit.brier(truth, probabilities))
    return build.single("brier", score)


def auroc(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Area under the ROC curve, 0 … 1; 0.5 is chance (sklearn.roc_auc_score).

    Two labels: the curve of either. More: the mean over the labels of each against the rest.
    NaN while a label has no sample, or all. Interval by weighting samples at random, as wide as the
    rarest label makes it (stats.bounded).
    """
    probabilities, truth = _inputs(columns)
    n, k = probabilities.shape
    if n == 0:
        return build.single("auroc", build.undefined(0, confidence, build.NOTHING))
    absent = [columns.labels[i] for i in range(k) if not (truth == i).any()]
    if absent or k < 2:
        note = f"undefined: no target is {', '.join(absent)}" if absent else "undefined: one label"
        return build.single("auroc", build.undefined(n, confidence, note))
    score = build.resampled(
        "auroc", weighted_auroc(columns), n, confidence=confidence, seed=seed,
        mass=of_rarest(columns), value=scikit.auroc(truth, probabilities),
    )  # fmt: skip
    return build.single("auroc", score)


def of_rarest(columns: Columns) -> Floats:
    """Per sample, 1 if its target is the rarest label, which limits the precision of an area."""
    truth = np.array(true_labels(columns), dtype=np.int64)
    counts = np.bincount(truth, minlength=len(columns.labels))
    rarest: Floats = (truth == counts.argmin()).astype(np.float64)
    return rarest


def weighted_auroc(columns: Columns) -> Callable[[Floats], Floats]:
    """The area under the curve as a function of the samples' weights: (r, n) → (r,)."""
    probabilities, truth = _inputs(columns)
    k = probabilities.shape[1]
    of_labels = range(1, 2) if k == 2 else range(k)
    curves = [_Curve(probabilities[:, i], truth == i) for i in of_labels]

    def areas(weights: Floats) -> Floats:
        mean: Floats = np.mean([curve.areas(weights) for curve in curves], axis=0)
        return mean

    return areas


def auroc_gains(a: Columns, b: Columns) -> Floats:
    """What each sample contributes to the area of b less that of a; shape (n,), they sum to it.

    a, b: answers to the same samples. Exchanging a sample's answers turns the sign of its gain: the
    area is a mean over pairs of a positive and a negative, and those in which both or neither are
    exchanged differ as before.
    """
    first, truth = _inputs(a)
    second, _ = _inputs(b)
    k = first.shape[1]
    of_labels = range(1, 2) if k == 2 else range(k)
    gains = [_gains(first[:, i], second[:, i], truth == i) for i in of_labels]
    mean: Floats = np.mean(gains, axis=0)
    return mean


def _gains(a: Floats, b: Floats, positive: NDArray[np.bool_]) -> Floats:
    pairs = positive.sum() * (~positive).sum()
    gains: Floats = np.full(len(a), nan if pairs == 0 else 0.0)
    if pairs == 0:
        return gains
    up, down = [x[positive] for x in (a, b)], [x[~positive] for x in (a, b)]
    for sign, own in ((-1, 0), (1, 1)):
        for other in (0, 1):
            gains[positive] += sign * _below(up[own], down[other])
            gains[~positive] += sign * (len(up[other]) - _below(down[own], up[other]))
    gains /= 2 * pairs
    return gains


def _below(x: Floats, others: Floats) -> Floats:
    """How many of the others each exceeds; ties count half."""
    others = np.sort(others)
    twice = np.searchsorted(others, x, "left") + np.searchsorted(others, x, "right")
    return np.asarray(twice, dtype=np.float64) / 2


class _Curve:
    """One label's samples sorted by score once, for the areas of many weightings."""

    def __init__(self, scores: Floats, positive: NDArray[np.bool_]) -> None:
        self.order = np.argsort(scores, kind="stable")
        ranked = scores[self.order]
        self.positive = positive[self.order].astype(np.float64)
        self.starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def areas(self, weights: Floats) -> Floats:
        """Weights of shape (r, n) → areas of shape (r,); NaN without a positive or a negative.

        The share of (positive, negative) pairs ranked rightly, ties counting half.
        """
        drawn = weights[:, self.order]
        up = np.add.reduceat(drawn * self.positive, self.starts, axis=1)
        down = np.add.reduceat(drawn * (1 - self.positive), self.starts, axis=1)
        below = np.cumsum(down, axis=1) - down / 2
        pairs = up.sum(axis=1) * down.sum(axis=1)
        right = (up * below).sum(axis=1)
        areas: Floats = np.full(len(pairs), nan)
        np.divide(right, pairs, out=areas, where=pairs > 0)
        return areas


def calibration_error(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, bins: int = 10
) -> Result:
    """Expected calibration error: mean gap of confidence and accuracy, 0 … 1, 0 is best.

    The confidence of a sample is its highest probability; ``bins`` bins of equal width over
    (0, 1]; each weighs as many samples as it holds. The value is biased upwards in small suites:
    that of a perfectly calibrated model is not 0. The interval allows for that, see
    :func:`calibration_interval`.
    Source: C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2.
    """
    rows, error = calibration_sums(columns, bins)
    n = len(rows)
    if n == 0:
        return build.single("calibration_error", build.undefined(0, confidence, build.NOTHING))
    value = float(error(rows.sum(axis=0)[np.newaxis])[0])
    interval = calibration_interval(columns, bins, confidence=confidence, seed=seed)
    score = Score(value, *interval[:2], n, confidence, interval.method)
    return build.single("calibration_error", score)


def calibration_interval(
    columns: Columns,
    bins: int,
    clusters: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Which calibration errors of the population are consistent with n ≥ 1 samples.

    Noise moves the gap of every bin away from 0, so the error of a calibrated model is as large as
    its noise, and resampling adds the noise once more. Here the noise is the distance between the
    gaps of the samples and those of draws of the population, over all bins. The lower bound is the
    error less the most that noise makes at this confidence: 0 for a calibrated model. If it is
    higher, it is the same for all samples in one bin, whose gap the error is never less than. The
    upper bound is the most that the error of draws reaches.

    Draws are those of a Bayesian bootstrap over samples, or over whole clusters; what might have
    been is one of these, all right or all wrong. The test of calibration that the lower bound
    inverts follows J. Vaicenavicius et al., Evaluating Model Calibration in Classification, AISTATS
    2019, and J. Bröcker and L. A. Smith, Increasing the Reliability of Reliability Diagrams,
    Weather and Forecasting 22 (2007) 651-661.
    """
    hits, certainty, bin_of = _binned(columns, bins)
    tables = [
        _gap_rows(right, certainty, bin_of, bins)
        for right in (hits, np.zeros(len(hits)), np.ones(len(hits)))
    ]
    if clusters is not None:
        tables = [_summed(table, clusters) for table in tables]
    rows, unseen = tables[0], np.concatenate(tables[1:])
    n, method = len(rows), "bayesian bootstrap"
    if n < 2:
        return Interval(0.0, 1.0, method)
    total = rows.sum(axis=0)
    gaps, error = total[:bins] / total[-1], float(_gap(bins, total[np.newaxis])[0])
    sums = np.concatenate([*posterior_sums(rows, unseen, seed=seed, resamples=GAP_RESAMPLES)])
    noise = sums[:, :bins] / sums[:, -1:] - gaps
    # Two lower bounds, each at half the level.
    level = tails(n, 1 - (1 - confidence) / 2)[1]
    low = max(
        0.0,
        error - float(np.quantile(np.abs(noise).sum(axis=1), level)),
        abs(float(gaps.sum())) - float(np.quantile(np.abs(noise.sum(axis=1)), level)),
    )
    high = float(np.quantile(_gap(bins, sums), tails(n, confidence)[1]))
    return Interval(low, max(error, high), method)


def _summed(rows: Floats, clusters: Sequence[Hashable]) -> Floats:
    """The sums of rows over each cluster."""
    number = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(number), rows.shape[1]))
    np.add.at(sums, [number[cluster] for cluster in clusters], rows)
    return sums


def calibration_sums(columns: Columns, bins: int) -> tuple[Floats, Callable[[Floats], Floats]]:
    """What each sample adds to the sums of the calibration error, and the error of sums."""
    return _gap_rows(*_binned(columns, bins), bins), gap_of_sums(bins)


def _gap_rows(hits: Floats, certainty: Floats, bin_of: NDArray[np.int64], bins: int) -> Floats:
    rows = np.zeros((len(hits), bins + 1))
    rows[np.arange(len(hits)), bin_of] = hits - certainty
    rows[:, -1] = 1.0
    return rows


def gap_of_sums(bins: int) -> Callable[[Floats], Floats]:
    """The calibration error of sums over samples, as of :func:`calibration_sums`."""
    return partial(_gap, bins)


def _gap(bins: int, sums: Floats) -> Floats:
    gaps: Floats = np.abs(sums[:, :bins]).sum(axis=1) / sums[:, -1]
    return gaps


def reliability(columns: Columns, bins: int = 10) -> list[ReliabilityBin]:
    """The bins of a reliability diagram that hold samples, in order of confidence."""
    hits, certainty, bin_of = _binned(columns, bins)
    found = []
    for b in range(bins):
        inside = bin_of == b
        if inside.any():
            low, high, _ = wilson(float(hits[inside].sum()), int(inside.sum()), 0.95)
            found.append(
                ReliabilityBin(
                    low=b / bins,
                    high=(b + 1) / bins,
                    n=int(inside.sum()),
                    confidence=float(certainty[inside].mean()),
                    accuracy=float(hits[inside].mean()),
                    accuracy_low=low,
                    accuracy_high=high,
                )
            )
    return found


def _binned(columns: Columns, bins: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    probabilities, truth = _inputs(columns)
    if bins < 1:
        raise UsageError(f"calibration_error: bins must be at least 1, not {bins}")
    hits = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    certainty = probabilities.max(axis=1)
    bin_of = np.clip(np.ceil(certainty * bins).astype(np.int64) - 1, 0, bins - 1)
    return hits, certainty, bin_of


def _inputs(columns: Columns) -> tuple[Floats, NDArray[np.int64]]:
    n, k = len(columns), len(columns.labels)
    given = columns.probabilities
    if given is None and n == 0:
        return np.zeros((0, max(k, 1))), np.zeros(0, dtype=np.int64)
    if given is None or given.shape != (n, k):
        found = "none" if given is None else f"shape {given.shape}"
        raise UsageError(f"probabilities must have shape ({n}, {k}): samples × labels; got {found}")
    probabilities = rounded(np.asarray(given, dtype=np.float64), 0.0, 1.0)
    wrong = np.flatnonzero(~((probabilities >= 0) & (probabilities <= 1)).all(axis=1))
    if len(wrong):
        row = probabilities[wrong[0]].tolist()
        raise UsageError(f"probabilities[{wrong[0]}] is {row}: expected numbers from 0 to 1")
    return probabilities, np.array(true_labels(columns), dtype=np.int64)
