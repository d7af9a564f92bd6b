"""Two sides of a score that is not a mean over samples, with exchangeable answers.

For the permutation tests of :mod:`evalkit.stats.exchange`. Counts and sums per answer are
computed once; an exchange is then a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import calls, entities, label_counts, probabilistic
from evalkit.metrics.base import Columns
from evalkit.metrics.catalogue import METRICS
from evalkit.metrics.weighted import Statistic
from evalkit.records.names import ScoreName, base_of
from evalkit.stats.exchange import Linear, Reweighted, Sides, Summed, Units

Floats = NDArray[np.float64]
_MANY_KINDS = 500  # of answers: above, not every label stands in for a worse answer


def of_columns(
    score: str, a: Columns, b: Columns, units: Units, settings: Mapping[str, Any]
) -> Sides | None:
    """The sides of a score, by its full name, that is made of confusion counts or ranks.

    None for a score that is neither.
    """
    named = ScoreName.parse(score)
    name, label = named.base, named.key or ""
    if name not in METRICS or not len(a) or not len(b):
        return None
    given = {**METRICS[name].settings, **settings}
    counted = label_counts.statistic_of(name, label, a.labels, given)
    if counted is not None:
        return _counts(a, b, units, counted, label)
    if name == "auroc":
        return _ranks(a, b, units)
    return None


def unseen(score: str, columns: Columns) -> str:
    """The note on labels without a sample, if a score weighs all labels alike; else ""."""
    name = base_of(score)
    if not (name.startswith("macro_") or name == "balanced_accuracy"):
        return ""
    there = set(label_counts.true_labels(columns))
    absent = [label for i, label in enumerate(columns.labels) if i not in there]
    shown = ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
    return f"no sample has the label {shown}" if absent else ""


def of_function(value: Callable[[Columns], float], a: Columns, b: Columns, units: Units) -> Sides:
    """The sides of a score that is an opaque function of columns."""
    both = a.followed_by(b)
    # A function may look at the order of samples: answers of one side come as those of the other.
    order = np.argsort(np.r_[np.arange(len(a)), np.arange(len(b))], kind="stable")

    def of_weights(weights: Floats) -> Floats:
        rows = (order[row[order] > 0].tolist() for row in weights)
        return np.array([value(both.subset(index)) for index in rows])

    return Reweighted(of_weights, units, _differing(a, b, units))


def of_sums(score: str, a: Floats, b: Floats, statistic: Statistic, units: Units) -> Sides:
    """The sides of a score of sums. a, b: what each unit adds to the sums, shape (units, k)."""
    worst, shares = _WORST.get(base_of(score)), units.shares
    worse = [(np.zeros_like(rows), worst(rows) - rows, shares) for rows in (a, b)] if worst else ()
    return Summed(a, b, statistic, shares, worse)


def _no_translation(rows: Floats) -> Floats:
    """Of BLEU: an empty answer; the reference lengths stay."""
    empty = np.zeros_like(rows)
    empty[:, 1] = rows[:, 1]
    return empty


def _no_characters(rows: Floats) -> Floats:
    empty = np.zeros_like(rows)
    empty[:, 1::3] = rows[:, 1::3]
    return empty


def _no_entity(rows: Floats) -> Floats:
    """As many as there are (one at least) predicted, none of them right."""
    there = rows[:, 2]
    return np.column_stack([np.zeros(len(rows)), np.maximum(there, 1), there])


def _no_call(rows: Floats) -> Floats:
    """As many calls or arguments (one at least), none of them right."""
    return np.column_stack([np.zeros(len(rows)), np.maximum(rows[:, 1], 1)])


def _other_side(rows: Floats) -> Floats:
    leaning = np.maximum(rows[:, 1], 1)
    return np.column_stack([np.where(rows[:, 0] > 0, -leaning, leaning), leaning])


_WORST: dict[str, Callable[[Floats], Floats]] = {
    "bleu": _no_translation,
    "chrf": _no_characters,
    "ter": lambda rows: np.column_stack([rows[:, 1], rows[:, 1]]),
    **dict.fromkeys(entities.OF_ENTITIES, _no_entity),
    "bias_score": _other_side,
    **dict.fromkeys(calls.OF_CALLS, _no_call),
}
"""By score: what answers would add to the sums if they were as bad as can be (or other answers)."""


def _counts(
    a: Columns, b: Columns, units: Units, counted: Callable[[NDArray[Any]], Floats], label: str
) -> Sides:
    from scipy.sparse import csr_array

    tables, worse = [], []
    for columns, of in ((a, units.a), (b, units.b)):
        kinds, shape = label_counts.kinds(columns)
        size = shape[0] * shape[1]
        # Sparse: a suite may have many labels, and each answer is of one kind.
        ones = np.ones(len(kinds))
        tables.append(csr_array((ones, (of, kinds)), shape=(len(units.sizes), size)))
        at = columns.labels.index(label) if label in columns.labels else None
        worse.append((*_single_errors(kinds, shape, at), 1 / len(kinds)))

    def statistic(rows: NDArray[Any]) -> Floats:
        return counted(rows.reshape(len(rows), *shape))

    return Summed(tables[0], tables[1], statistic, units.shares, worse)


def _single_errors(
    kinds: NDArray[np.int64], shape: tuple[int, int], label: int | None
) -> tuple[Any, Any]:
    """Counts before and after one answer of each kind becomes one of another, as changes of them.

    A label without a sample takes part with one added, correct sample, because nothing is observed
    of it. With many labels an answer becomes none or the label that is least predicted.
    """
    from scipy.sparse import csr_array

    k, columns = shape
    counts = np.bincount(kinds, minlength=k * columns)
    absent = np.flatnonzero(counts.reshape(shape).sum(axis=1) == 0)
    added = absent * columns + absent
    there = np.concatenate([np.flatnonzero(counts), added])
    others = np.arange(columns)
    if len(there) * columns > _MANY_KINDS:
        rarest = int(counts.reshape(shape)[:, :k].sum(axis=0).argmin())
        others = np.unique([rarest if label is None else label, k])
    n = len(there) * len(others)
    row, size = np.arange(n), k * columns
    kind = np.repeat(there, len(others))
    becomes = kind // columns * columns + np.tile(others, len(there))
    one, is_new = np.ones(n), np.repeat(np.isin(there, added), len(others))
    before = csr_array((is_new.astype(np.float64), (row, kind)), shape=(n, size))
    less = csr_array((np.where(is_new, 0.0, one), (row, kind)), shape=(n, size))
    return before, csr_array((one, (row, becomes)), shape=(n, size)) - less


def _ranks(a: Columns, b: Columns, units: Units) -> Sides:
    """Areas under curves: sums over pairs of samples, in which exchanging some is linear.

    Not so where the sides have other answers (to a question asked several times, some lost).
    """
    aligned = np.array_equal(units.a, units.b)
    if aligned and label_counts.true_labels(a) == label_counts.true_labels(b):
        gains: Floats = np.zeros(len(units.sizes))
        np.add.at(gains, units.a, probabilistic.auroc_gains(a, b))
        return Linear(gains, _one_rank(a) * len(a))
    areas = probabilistic.weighted_auroc(a.followed_by(b))
    return Reweighted(areas, units, _differing(a, b, units), _one_rank(a) * len(a))


def _one_rank(columns: Columns) -> float:
    """How much the rank of one sample can change an area under the curve, a mean over labels."""
    counts = np.bincount(label_counts.true_labels(columns), minlength=len(columns.labels))
    n, k = counts.sum(), len(counts)
    if not counts.all() or k < 2:
        return float("nan")
    if k == 2:
        return float(1 / counts.min())
    among_others = 1 / (n - counts)
    return float((1 / counts + among_others.sum() - among_others).max() / k)


def _differing(a: Columns, b: Columns, units: Units) -> NDArray[np.int64]:
    """The units whose answers differ between the sides."""
    if len(a) != len(b) or not np.array_equal(units.a, units.b):
        return np.arange(len(units.sizes))
    same = np.ones(len(a), dtype=bool)
    for column in fields(Columns):
        one, other = getattr(a, column.name), getattr(b, column.name)
        if column.name == "probabilities" and one is not None and other is not None:
            same &= (one == other).all(axis=1)
        elif column.name != "labels" and one is not None and len(one) and len(other) == len(one):
            same &= np.array([x == y for x, y in zip(one, other, strict=True)])
    return np.unique(units.a[~same])
