"""Classification from predicted labels, with the values of scikit-learn.

Intervals are made from the confusion counts (:mod:`evalkit.metrics.label_counts`,
:mod:`evalkit.stats.confusion`). A prediction of None, or one outside the labels, is a wrong
answer without a label: it is a miss for the target's label and a false alarm for none. As in
scikit-learn, ``zero_division`` (default 0) stands in for a quotient 0/0 wherever labels are
averaged; a label's own score that has no denominator is NaN unless a suite sets ``zero_division``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import nan

import numpy as np

from evalkit.metrics import build, scikit
from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.label_counts import (
    Counts,
    against_the_rest,
    confusion,
    label_scores,
    margins,
    of_label,
    places,
    statistic_of,
)
from evalkit.metrics.scikit import Average, Indices, Part
from evalkit.records.names import score_name


def correct(columns: Columns) -> list[bool]:
    """Per sample, whether the prediction is one of the accepted targets."""
    return [p in t for p, t in zip(columns.predictions, columns.targets, strict=True)]


def accuracy(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Share of predictions that equal an accepted target. Range 0 … 1, Wilson's interval.

    Of labels sklearn.accuracy_score; of texts a share of matches, which loads no scikit-learn.
    """
    score = build.proportion(correct(columns), confidence=confidence)
    if columns.labels and len(columns):
        score = replace(score, value=scikit.accuracy(*places(columns)))
    return build.single("accuracy", score)


def balanced_accuracy(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Mean recall over the labels that occur in the targets (sklearn.balanced_accuracy_score)."""
    return _one("balanced_accuracy", columns, scikit.balanced_accuracy, confidence, seed)


def _averaged(kind: Average, part: Part) -> Callable[..., Result]:
    name = f"{kind}_{part}"

    def metric(
        columns: Columns,
        *,
        confidence: float = 0.95,
        seed: int = 0,
        zero_division: float | str = 0.0,
    ) -> Result:
        empty, k = float(zero_division), len(columns.labels)
        if not len(columns):
            return build.single(name, build.undefined(0, confidence, build.NOTHING))
        targets, predicted = places(columns)
        value = scikit.average(kind, part, targets, predicted, k, empty)
        if name in ("micro_recall", "weighted_recall") or (
            kind == "micro" and not (predicted == k).any()
        ):
            # Over all samples this is the share of hits, so it has a proportion's interval.
            hits = int((targets == predicted).sum())
            score = replace(build.ratio(hits, len(columns), confidence=confidence), value=value)
        else:
            counts = confusion(columns)
            note = "" if kind == "micro" else _empty_labels(part, counts, columns.labels, empty)
            statistic = statistic_of(name, "", columns.labels, {"zero_division": empty})
            assert statistic is not None
            score = build.from_counts(
                counts, statistic, value, confidence=confidence, seed=seed, note=note
            )
        return build.single(name, score)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = f"{name}: sklearn.metrics.precision_recall_fscore_support(average={kind!r})."
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
    targets, predicted = places(columns)
    values = _of_labels("precision", targets, predicted, columns)
    scores = {}
    for i, label in enumerate(columns.labels):
        is_predicted, hits = predicted == i, (predicted == i) & (targets == i)
        if is_predicted.any():
            share = build.ratio(int(hits.sum()), int(is_predicted.sum()), confidence=confidence)
            score = replace(share, value=values[i])
        else:
            default = 0.0 if (targets == i).any() else nan
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
    targets, predicted = places(columns)
    values = _of_labels("recall", targets, predicted, columns)
    scores = {}
    for i, label in enumerate(columns.labels):
        there, hits = targets == i, (predicted == i) & (targets == i)
        if there.any():
            share = build.ratio(int(hits.sum()), int(there.sum()), confidence=confidence)
            score = replace(share, value=values[i])
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
    values = _of_labels("f1", *places(columns), columns)
    statistic = partial(of_label, "f1", 0, 0.0)
    scores = {}
    for i, label in enumerate(columns.labels):
        own = against_the_rest(counts, i)
        if own.sum() > own[1, 1]:
            score = build.from_counts(own, statistic, values[i], confidence=confidence, seed=seed)
        else:
            score = _without(nan, zero_division, confidence, "neither a target nor predicted")
        scores[score_name("f1", label)] = score
    return scores


def _of_labels(part: Part, targets: Indices, predicted: Indices, columns: Columns) -> list[float]:
    """Precision, recall or F1 of each label; NaN where it has no denominator."""
    if not len(columns):
        return [nan] * len(columns.labels)
    values = scikit.label_scores(part, targets, predicted, len(columns.labels))
    return [float(value) for value in values]


def mcc(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Matthews correlation coefficient for k labels, -1 … 1 (sklearn.matthews_corrcoef).

    0 when targets or predictions are all of one label, as in scikit-learn. All answers outside the
    labels count as one further label. Source: J. Gorodkin, Comparing two K-category
    assignments by a K-category correlation coefficient, Comput. Biol. Chem. 28 (2004) 367-374.
    """
    return _one("mcc", columns, scikit.mcc, confidence, seed, _one_sided(columns, "0"))


def cohen_kappa(columns: Columns, *, confidence: float = 0.95, seed: int = 0) -> Result:
    """Cohen's kappa of predictions and targets, -1 … 1 (sklearn.cohen_kappa_score).

    NaN when both are all of one label: agreement by chance is then certain. All answers that
    are no label count as one further label. Source: J. Cohen, A Coefficient of Agreement for
    Nominal Scales, Educ. Psychol. Meas. 20 (1960) 37-46.
    """
    note = "undefined: targets and predictions are all the same label"
    return _one("cohen_kappa", columns, scikit.kappa, confidence, seed, only_if_nan=note)


def _one(
    name: str,
    columns: Columns,
    of: Callable[[Indices, Indices], float],
    confidence: float,
    seed: int,
    note: str = "",
    only_if_nan: str = "",
) -> Result:
    """A score of targets and predictions. only_if_nan: the note where it is undefined."""
    if not len(columns):
        return build.single(name, build.undefined(0, confidence, build.NOTHING))
    value = of(*places(columns))
    if only_if_nan and np.isnan(value):
        note = only_if_nan
    statistic = statistic_of(name, "", columns.labels, {})
    assert statistic is not None
    score = build.from_counts(
        confusion(columns), statistic, value, confidence=confidence, seed=seed, note=note
    )
    return build.single(name, score)


def _one_sided(columns: Columns, value: str) -> str:
    support, predicted = margins(confusion(columns))
    for what, margin in (("targets", support), ("predictions", predicted)):
        if len(columns) and np.count_nonzero(margin) == 1:
            return f"all {what} are the same: counted as {value}"
    return ""


def _empty_labels(part: str, counts: Counts, labels: Sequence[str], empty: float) -> str:
    scores = label_scores(part, counts, nan)
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
