"""Classification from predicted labels, equal to scikit-learn to the last digit.

Everything but accuracy is a function of the confusion counts, and so is its interval (see
:mod:`evalkit.stats.confusion`). A prediction of None, or one outside the labels, is a wrong
answer that is no label: it is a miss for the target's label and a false alarm for none. As in
scikit-learn, ``zero_division`` (default 0) stands in for a quotient 0/0 wherever labels are
averaged; a label's own score that has no denominator is NaN unless a suite sets ``zero_division``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UsageError
from evalkit.metrics import build
from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.writing import composed
from evalkit.records.names import score_name

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def correct(columns: Columns) -> list[bool]:
    """Per sample, whether the prediction is one of the accepted targets."""
    return [p in t for p, t in zip(columns.predictions, columns.targets, strict=True)]


def true_labels(columns: Columns) -> list[int]:
    """Per sample, the index of the target label (the predicted one if it is among several).

    Raises UsageError for a target that is not a label.
    """
    index = _places(columns)
    found = []
    for predicted, accepted in zip(columns.predictions, columns.targets, strict=True):
        target = predicted if predicted in accepted else accepted[0] if accepted else None
        if target not in index:
            raise UsageError(f"target {target!r} is none of the labels {list(columns.labels)}")
        found.append(index[target])
    return found


def _places(columns: Columns) -> dict[str, int]:
    """The index of each label, by its text as predictions and targets are written."""
    return {composed(label): i for i, label in enumerate(columns.labels)}


def confusion(columns: Columns) -> Counts:
    """Counts of shape (k, k + 1): targets by predictions, the last column for no label."""
    found, shape = kinds(columns)
    counts: Counts = np.bincount(found, minlength=shape[0] * shape[1]).reshape(shape)
    return counts


def kinds(columns: Columns) -> tuple[Counts, tuple[int, int]]:
    """Per sample, its place in the confusion counts laid out flat, and the shape of those."""
    k = len(columns.labels)
    targets, predicted = _indices(columns)
    return targets * (k + 1) + predicted, (k, k + 1)


def _indices(columns: Columns) -> tuple[Counts, Counts]:
    """Per sample, the index of its target label and of its predicted one, k for no label."""
    k = len(columns.labels)
    index = _places(columns)
    predicted = [k if p is None else index.get(p, k) for p in columns.predictions]
    return np.array(true_labels(columns), dtype=np.int64), np.array(predicted, dtype=np.int64)


def accuracy(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of predictions that equal an accepted target. Range 0 … 1, Wilson's interval."""
    return build.single("accuracy", build.proportion(correct(columns), confidence=confidence))


def balanced_accuracy(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean recall over the labels that occur in the targets (sklearn.balanced_accuracy_score)."""
    return _one("balanced_accuracy", columns, _balanced, confidence, seed)


def _balanced(counts: NDArray[Any]) -> Floats:
    recall = _divide(_hits(counts), _support(counts), nan)
    with np.errstate(invalid="ignore"):
        means: Floats = np.nansum(recall, axis=-1) / np.sum(~np.isnan(recall), axis=-1)
    return means


def _hits(counts: Counts) -> Counts:
    return np.diagonal(counts[..., :-1], axis1=-2, axis2=-1)


def _support(counts: Counts) -> Counts:
    totals: Counts = counts.sum(axis=-1)
    return totals


def _predicted(counts: Counts) -> Counts:
    totals: Counts = counts.sum(axis=-2)[..., :-1]
    return totals


def _divide(part: NDArray[Any], whole: NDArray[Any], empty: float) -> Floats:
    quotient: Floats = np.full(np.broadcast(part, whole).shape, empty)
    np.divide(part, whole, out=quotient, where=whole != 0)
    return quotient


def _label_scores(part: str, counts: Counts, empty: float) -> Floats:
    """Precision, recall or F1 of each label: shape (…, k)."""
    hits, support, predicted = _hits(counts), _support(counts), _predicted(counts)
    if part == "precision":
        return _divide(hits, predicted, empty)
    if part == "recall":
        return _divide(hits, support, empty)
    return _divide(2 * hits, support + predicted, empty)


def _macro(part: str, zero_division: float, counts: Counts) -> Floats:
    with np.errstate(invalid="ignore"):
        scores = _label_scores(part, counts, zero_division)
        present = ~np.isnan(scores)
        means: Floats = np.nansum(scores, axis=-1) / present.sum(axis=-1)
    return means


def _micro(part: str, zero_division: float, counts: Counts) -> Floats:
    hits = _hits(counts).sum(axis=-1)
    support, predicted = _support(counts).sum(axis=-1), _predicted(counts).sum(axis=-1)
    if part == "precision":
        return _divide(hits, predicted, zero_division)
    if part == "recall":
        return _divide(hits, support, zero_division)
    return _divide(2 * hits, support + predicted, zero_division)


def _weighted(part: str, zero_division: float, counts: Counts) -> Floats:
    scores = _label_scores(part, counts, zero_division)
    weights = _support(counts) * ~np.isnan(scores)
    total = weights.sum(axis=-1)
    return _divide((np.nan_to_num(scores) * weights).sum(axis=-1), total, nan)


_AVERAGES = {"macro": _macro, "micro": _micro, "weighted": _weighted}


def _averaged(kind: str, part: str) -> Callable[..., Result]:
    name = f"{kind}_{part}"

    def metric(
        columns: Columns,
        *,
        confidence: float = 0.95,
        seed: int = 0,
        zero_division: float | str = 0.0,
    ) -> Result:
        empty = float(zero_division)
        counts = confusion(columns)
        if name in ("micro_recall", "weighted_recall") and len(columns):
            # Over all samples this is the share of hits, so it has a proportion's interval.
            score = build.ratio(int(_hits(counts).sum()), len(columns), confidence=confidence)
        elif kind == "micro" and len(columns) and not counts[:, -1].any():
            score = build.ratio(int(_hits(counts).sum()), len(columns), confidence=confidence)
        else:
            note = "" if kind == "micro" else _empty_labels(part, counts, columns.labels, empty)
            statistic = partial(_AVERAGES[kind], part, empty)
            score = build.from_counts(
                counts, statistic, confidence=confidence, seed=seed, note=note
            )
        return build.single(name, score)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = (
        f"{name}: as sklearn.metrics.precision_recall_fscore_support(average={kind!r})."
    )
    return metric


macro_precision = _averaged("macro", "precision")
macro_recall = _averaged("macro", "recall")
macro_f1 = _averaged("macro", "f1")
micro_precision = _averaged("micro", "precision")
micro_recall = _averaged("micro", "recall")
micro_f1 = _averaged("micro", "f1")
weighted_precision = _averaged("weighted", "precision")
weighted_recall = _averaged("weighted", "recall")
weighted_f1 = _averaged("weighted", "f1")


def precision(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    zero_division: float | str | None = None,
) -> Result:
    """Precision of each label, over the samples it was predicted for; Wilson's interval.

    A label that is never predicted though it occurs scores 0, as in scikit-learn, with a note.
    """
    counts = confusion(columns)
    hits, predicted, support = _hits(counts), _predicted(counts), _support(counts)
    scores = {}
    for i, label in enumerate(columns.labels):
        if predicted[i]:
            score = build.ratio(int(hits[i]), int(predicted[i]), confidence=confidence)
        else:
            default = 0.0 if support[i] else nan
            score = _without(default, zero_division, confidence, "never predicted")
        scores[score_name("precision", label)] = score
    return scores


def recall(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    zero_division: float | str | None = None,
) -> Result:
    """Recall of each label, over the samples it is the target of; Wilson's interval."""
    counts = confusion(columns)
    hits, support = _hits(counts), _support(counts)
    scores = {}
    for i, label in enumerate(columns.labels):
        if support[i]:
            score = build.ratio(int(hits[i]), int(support[i]), confidence=confidence)
        else:
            score = _without(nan, zero_division, confidence, "no target has this label")
        scores[score_name("recall", label)] = score
    return scores


def f1(
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    zero_division: float | str | None = None,
) -> Result:
    """F1 of each label, over all samples; interval from the label's own confusion counts."""
    counts = confusion(columns)
    of_label = partial(_of_label, "f1", 0, 0.0)
    scores = {}
    for i, label in enumerate(columns.labels):
        own = against_the_rest(counts, i)
        if own.sum() > own[1, 1]:
            score = build.from_counts(own, of_label, confidence=confidence, seed=seed)
        else:
            score = _without(nan, zero_division, confidence, "neither a target nor predicted")
        scores[score_name("f1", label)] = score
    return scores


def against_the_rest(counts: NDArray[Any], i: int) -> NDArray[Any]:
    """All that F1 of one label depends on, as counts of two labels: it and any other."""
    hits, support, predicted = counts[i, i], counts[i].sum(), counts[:, i].sum()
    rest = counts.sum() - support - predicted + hits
    return np.array([[hits, support - hits, 0], [predicted - hits, rest, 0]])


def mcc(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Matthews correlation coefficient for k labels, -1 … 1 (sklearn.matthews_corrcoef).

    0 when targets or predictions are all of one label, as in scikit-learn. All answers that
    are no label count as one further label. Source: J. Gorodkin, Comparing two K-category
    assignments by a K-category correlation coefficient, Comput. Biol. Chem. 28 (2004) 367-374.
    """

    return _one("mcc", columns, _mcc, confidence, seed, _one_sided(columns, "0"))


def _mcc(counts: NDArray[Any]) -> Floats:
    support, predicted = _margins(counts)
    n = support.sum(axis=-1)
    covariance = _hits(counts).sum(axis=-1) * n - (support * predicted).sum(axis=-1)
    of_targets = n * n - (support * support).sum(axis=-1)
    of_predictions = n * n - (predicted * predicted).sum(axis=-1)
    scale = np.sqrt(of_targets.astype(np.float64) * of_predictions)
    return _divide(covariance, scale, 0.0)


def cohen_kappa(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Cohen's kappa of predictions and targets, -1 … 1 (sklearn.cohen_kappa_score).

    NaN when both are all of one label: agreement by chance is then certain. All answers that
    are no label count as one further label. Source: J. Cohen, A Coefficient of Agreement for
    Nominal Scales, Educ. Psychol. Meas. 20 (1960) 37-46.
    """

    note = "undefined: targets and predictions are all the same label"
    return _one("cohen_kappa", columns, _kappa, confidence, seed, only_if_nan=note)


def _kappa(counts: NDArray[Any]) -> Floats:
    support, predicted = _margins(counts)
    n = support.sum(axis=-1)
    expected = (support * predicted).sum(axis=-1) / n
    observed = _hits(counts).sum(axis=-1)
    return _divide(observed - expected, n - expected, nan)


def _margins(counts: Counts) -> tuple[Counts, Counts]:
    """How often each label, and last no label, is the target and is predicted."""
    support = _support(counts)
    none = np.zeros((*support.shape[:-1], 1), dtype=support.dtype)
    return np.concatenate([support, none], axis=-1), counts.sum(axis=-2)


def _one(
    name: str,
    columns: Columns,
    statistic: Callable[[Counts], Floats],
    confidence: float,
    seed: int,
    note: str = "",
    only_if_nan: str = "",
) -> Result:
    counts = confusion(columns)
    if only_if_nan and len(columns) and np.isnan(statistic(counts[np.newaxis])[0]):
        note = only_if_nan
    score = build.from_counts(counts, statistic, confidence=confidence, seed=seed, note=note)
    return build.single(name, score)


def _one_sided(columns: Columns, value: str) -> str:
    support, predicted = _margins(confusion(columns))
    for what, margin in (("targets", support), ("predictions", predicted)):
        if len(columns) and np.count_nonzero(margin) == 1:
            return f"all {what} are the same: counted as {value}"
    return ""


def _empty_labels(part: str, counts: Counts, labels: Sequence[str], empty: float) -> str:
    scores = _label_scores(part, counts, nan)
    lacking = [label for label, score in zip(labels, scores, strict=True) if np.isnan(score)]
    if not lacking:
        return ""
    treated = "are left out" if np.isnan(empty) else f"count as {empty:g}"
    return f"{part} of {', '.join(lacking)} is undefined (0/0): {treated}"


def _without(
    default: float, zero_division: float | str | None, confidence: float, why: str
) -> Score:
    value = default if zero_division is None else float(zero_division)
    counted = f"undefined (0/0): {why}"
    note = counted if np.isnan(value) else f"{counted}; counted as {value:g}"
    return Score(value, nan, nan, 0, confidence, note=note)


def statistic_of(
    name: str, label: str, labels: Sequence[str], settings: Mapping[str, Any]
) -> Callable[[NDArray[Any]], Floats] | None:
    """The score ``name`` (of one ``label``, for keyed ones) as a function of confusion counts.

    It maps counts, or weights, of shape (r, k, k + 1) to r scores. None: it is no such function.
    """
    plain = {"balanced_accuracy": _balanced, "mcc": _mcc, "cohen_kappa": _kappa}
    if name in plain:
        return plain[name]
    kind, _, part = name.partition("_")
    empty = settings.get("zero_division")
    if kind in _AVERAGES and part in _PARTS:
        return partial(_AVERAGES[kind], part, 0.0 if empty is None else float(empty))
    if name in _PARTS and label in labels:
        # Without samples of the label its recall is undefined, unless the suite says otherwise.
        missing = (nan if name == "recall" else 0.0) if empty is None else float(empty)
        return partial(_of_label, name, list(labels).index(label), missing)
    return None


_PARTS = ("precision", "recall", "f1")


def _of_label(part: str, index: int, empty: float, counts: NDArray[Any]) -> Floats:
    return _label_scores(part, counts, empty)[..., index]


def ratio_of(name: str, label: str, columns: Columns) -> build.Ratio | None:
    """The score ``name`` (of one ``label``) as a share of samples; None where it is not one."""
    whole = name in ("micro_recall", "weighted_recall", "micro_precision", "micro_f1")
    if not whole and not (name in ("precision", "recall") and label in columns.labels):
        return None
    targets, predicted = _indices(columns)
    hits = targets == predicted
    no_label = predicted == len(columns.labels)
    if name in ("micro_recall", "weighted_recall") or (
        name in ("micro_precision", "micro_f1") and not no_label.any()
    ):
        return build.Ratio(hits.astype(np.float64), np.ones(len(hits)))
    if name in ("precision", "recall") and label in columns.labels:
        index = list(columns.labels).index(label)
        counted = (predicted if name == "precision" else targets) == index
        return build.Ratio((hits & counted).astype(np.float64), counted.astype(np.float64))
    return None


def kinds_of_score(
    name: str, label: str, columns: Columns, settings: Mapping[str, Any]
) -> tuple[Counts, tuple[int, int], Callable[[NDArray[Any]], Floats]] | None:
    """What the interval of a score is made of: each sample's place in the counts, their shape, and
    the score of counts. F1 of one label looks at that label against all others."""
    statistic = statistic_of(name, label, columns.labels, settings)
    if statistic is None:
        return None
    if name != "f1":
        return *kinds(columns), statistic
    index = list(columns.labels).index(label)
    targets, predicted = (np.where(places == index, 0, 1) for places in _indices(columns))
    return targets * 3 + predicted, (2, 3), partial(_of_label, "f1", 0, 0.0)
