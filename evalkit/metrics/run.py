"""From a metric's name to its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from evalkit.errors import EvalkitError, UsageError, unknown
from evalkit.metrics.base import Columns, Result, Score
from evalkit.metrics.catalogue import (
    Metric,
    find,
    known_names,
    missing_package,
    unknown_setting,
)


def run_metric(
    name: str,
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> Result:
    """The scores of one metric over a cell's columns, by full name.

    Raises UsageError when the metric or a setting does not exist, a column it needs is not
    there, or a package has to be installed first.
    """
    metric = find(name)
    if metric is None:
        raise UsageError(unknown("metric", name, known_names()))
    given = dict(settings or {})
    wrong = unknown_setting(metric, given) or missing_package(metric)
    if wrong:
        raise UsageError(wrong)
    _require(metric, columns)
    arguments = {**given, **metric.fixed}
    return dict(_function(metric)(columns, confidence=confidence, seed=seed, **arguments))


def why_not(name: str, settings: Mapping[str, Any]) -> str:
    """What keeps a metric from being computed here (data or weights that are not there), or ""."""
    metric = find(name)
    if metric is None or not metric.ready:
        return ""
    module, _, function = metric.ready.partition(":")
    try:
        getattr(import_module(module), function)(settings)
    except EvalkitError as error:
        return str(error)
    return ""


def compute(
    metric: str,
    predictions: Sequence[str | None],
    targets: Sequence[str | Sequence[str]],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    **columns: Any,
) -> Score | dict[str, Score]:
    """A metric over plain lists.

    predictions: n answers. targets: n references, each a string or a list of strings.
    columns: the other columns of :class:`Columns` (``labels``, ``probabilities``, ``sources``,
    ``choices``, ``choice_logprobs``). Without ``labels`` a classification metric takes the
    sorted targets and predictions, as scikit-learn does.

    Returns a Score; for a metric with one score per label, a dict by full name.

    >>> compute("exact_match", ["Paris!"], [["paris", "city of Paris"]]).value
    1.0
    """
    if len(predictions) != len(targets):
        raise UsageError(f"{len(predictions)} predictions but {len(targets)} targets")
    references = [(t,) if isinstance(t, str) else tuple(t) for t in targets]
    entry = find(metric)
    if entry is not None and "labels" in entry.needs and not columns.get("labels"):
        written = {p for p in predictions if p is not None}
        columns["labels"] = sorted(written.union(*references))
    if "labels" in columns:
        columns["labels"] = tuple(columns["labels"])
    if columns.get("probabilities") is not None:
        columns["probabilities"] = np.asarray(columns["probabilities"], dtype=np.float64)
    table = Columns(predictions=list(predictions), targets=references, **columns)
    result = run_metric(metric, table, confidence=confidence, seed=seed, settings=settings)
    return result[metric] if tuple(result) == (metric,) else dict(result)


def _function(metric: Metric) -> Callable[..., Result]:
    if callable(metric.function):
        return metric.function
    module, _, name = metric.function.partition(":")
    function: Callable[..., Result] = getattr(import_module(module), name)
    return function


def _require(metric: Metric, columns: Columns) -> None:
    present = {
        "labels": bool(columns.labels),
        "probabilities": columns.probabilities is not None,
        "sources": bool(columns.sources),
        "passed": bool(columns.passed),
        "likelihoods": bool(columns.likelihoods),
        "choices": bool(columns.choices) and bool(columns.choice_logprobs),
    }
    missing = [need for need in metric.needs if not present[need] and len(columns)]
    if missing:
        raise UsageError(f"metric '{metric.name}' needs {' and '.join(missing)}")
