"""Pairs of samples that differ in one thing: does it change the answer?

``data.pair`` names the column that two samples share; the first of them in the data is compared
with the second. An unwanted difference is a bias, whichever answer is right. Every
score is over whole pairs: one with a missing answer is left out, and the note counts them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UsageError, unknown
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Likelihood, Result, Score
from evalkit.metrics.writing import composed
from evalkit.stats.intervals import wilson
from evalkit.stats.paired import mcnemar, paired_proportions

Floats = NDArray[np.float64]
NO_PAIRS = "undefined: no whole pairs"


class PairPlace(NamedTuple):
    """The pair a sample is in, and whether it is the first (0) or the second (1) of it."""

    pair: Hashable
    side: int


def places(pairs: Iterable[Hashable]) -> list[PairPlace]:
    """The places of samples in the order of the data, from the name of each one's pair."""
    seen: dict[Hashable, int] = {}
    found = []
    for pair in pairs:
        found.append(PairPlace(pair, seen.get(pair, 0)))
        seen[pair] = seen.get(pair, 0) + 1
    return found


def pair_difference(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of pairs answered differently, case and spacing aside. 0 is best; Wilson."""
    first, second, note = _whole(columns)
    answers = [None if p is None else " ".join(p.casefold().split()) for p in columns.predictions]
    flags = [answers[a] != answers[b] for a, b in zip(first, second, strict=True)]
    share = build.proportion(flags, confidence=confidence, note=note, empty=NO_PAIRS)
    return build.single("pair_difference", _of_pairs(share))


def pair_gap(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, label: str | None = None
) -> Result:
    """How much more often the second of a pair gets a label than the first. 0 is best; -1 … 1.

    label: the label counted; default: the suite's first. The difference of the two shares, with the
    interval of :func:`evalkit.stats.paired.paired_proportions`; the note has McNemar's exact
    p-value of no difference, which goes with it.
    """
    counted = _label(columns, label)
    first, second, note = _whole(columns)
    given = np.array([p == composed(counted) for p in columns.predictions], dtype=np.float64)
    a, b = given[first], given[second]
    if not len(a):
        return build.single("pair_gap", build.undefined(0, confidence, NO_PAIRS))
    low, high, method = paired_proportions(a, b, confidence)
    gap = float((b - a).mean())
    test = _sign_test(b - a, "McNemar")
    note = build.joined(f"of '{counted}'", test, note)
    return build.single("pair_gap", Score(gap, low, high, len(a), confidence, method, note=note))


def pair_shift(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, label: str | None = None
) -> Result:
    """How much more likely a label is for the second of a pair. 0 is best; -1 … 1.

    label: as in ``pair_gap``. The mean of the paired differences of its probability, with a
    bootstrap interval over pairs; the note has the exact p-value of the sign test.
    """
    counted = _label(columns, label)
    first, second, note = _whole(columns)
    table = _probabilities(columns)
    at = columns.labels.index(counted) if len(table) else 0
    shift = table[second, at] - table[first, at] if len(first) else np.zeros(0)
    note = build.joined(f"of '{counted}'", _sign_test(shift, "sign test"), note)
    return build.single("pair_shift", _mean("pair_shift", shift, confidence, seed, note))


def pair_distance(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean distance between the label probabilities of the two of a pair. 0 is best; 0 … 1.

    Half the summed absolute differences (total variation), with a bootstrap interval over pairs.
    """
    first, second, note = _whole(columns)
    table = _probabilities(columns)
    apart = np.abs(table[second] - table[first]).sum(axis=1) / 2 if len(first) else np.zeros(0)
    return build.single("pair_distance", _mean("pair_distance", apart, confidence, seed, note))


def pair_preference(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, per: str = "text"
) -> Result:
    """Share of pairs whose first text is more likely than the second (ties half). 0.5 is best.

    per: the log-likelihood of the whole ``text``, per ``token`` or per ``byte``. Wilson's interval;
    the note has the exact p-value of the sign test. Source: N. Nangia et al., CrowS-Pairs, EMNLP
    2020, with the text's log-likelihood in place of a masked model's pseudo-log-likelihood.
    """
    lead, note = _lead(columns, per)
    n = len(lead)
    if n == 0:
        return build.single("pair_preference", build.undefined(0, confidence, NO_PAIRS))
    flags = (np.sign(lead) + 1) / 2
    low, high, method = wilson(float(flags.sum()), n, confidence)
    note = build.joined(_sign_test(lead, "sign test"), note)
    score = Score(float(flags.mean()), low, high, n, confidence, method, note=note)
    return build.single("pair_preference", score)


def pair_likelihood_gap(
    columns: Columns, *, confidence: float = 0.95, seed: int = 0, per: str = "text"
) -> Result:
    """Mean log-likelihood (nats) of the first text of a pair minus that of the second. 0 is best.

    per: as in ``pair_preference``. Bootstrap interval over pairs.
    """
    lead, note = _lead(columns, per)
    note = build.joined(_sign_test(lead, "sign test"), note)
    score = _mean("pair_likelihood_gap", lead, confidence, seed, note)
    return build.single("pair_likelihood_gap", score)


def _whole(columns: Columns) -> tuple[list[int], list[int], str]:
    """Rows of the first and the second of each whole pair, and a note on the others.

    In an order of their own, so that resampling does not depend on that of the samples.
    """
    sides: dict[Hashable, dict[int, int]] = {}
    for row, place in enumerate(columns.pairs):
        sides.setdefault(place[0], {})[place[1]] = row
    whole = [sides[pair] for pair in sorted(sides, key=str) if {0, 1} <= sides[pair].keys()]
    broken = len(sides) - len(whole)
    note = f"{broken} pairs without both answers left out" if broken else ""
    return [rows[0] for rows in whole], [rows[1] for rows in whole], note


def _label(columns: Columns, label: str | None) -> str:
    if label is None:
        return columns.labels[0] if columns.labels else ""
    if columns.labels and label not in columns.labels:
        raise UsageError(unknown("label", label, columns.labels))
    return label


def _probabilities(columns: Columns) -> Floats:
    if columns.probabilities is None:
        return np.zeros((0, len(columns.labels)))
    return columns.probabilities


def _lead(columns: Columns, per: str) -> tuple[Floats, str]:
    """How much more likely the first text of each pair is, in nats, and a note."""
    first, second, note = _whole(columns)
    values = np.array([_logprob(text, per) for text in columns.likelihoods], dtype=np.float64)
    return (values[first] - values[second] if first else np.zeros(0)), note


def _logprob(text: Likelihood, per: str) -> float:
    units = {"text": 1, "token": text.tokens, "byte": text.bytes}[per]
    return text.logprob / max(units, 1)


def _mean(name: str, values: Floats, confidence: float, seed: int, note: str) -> Score:
    if not len(values):
        return build.undefined(0, confidence, NO_PAIRS)
    return _of_pairs(build.mean(name, values, confidence=confidence, note=note))


def _of_pairs(score: Score) -> Score:
    """The same score without per-sample values, which belong to pairs."""
    return Score(
        score.value, score.low, score.high, score.n, score.confidence, score.interval,
        note=score.note,
    )  # fmt: skip


def _sign_test(differences: Sequence[float] | Floats, test: str) -> str:
    x = np.asarray(differences, dtype=np.float64)
    up, down = int((x > 0).sum()), int((x < 0).sum())
    p = mcnemar(up, down) if len(x) else nan
    return f"{up} pairs up, {down} down, {len(x) - up - down} equal: {test} p = {p:.3g}"
