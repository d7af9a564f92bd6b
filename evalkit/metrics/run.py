"""From a metric's name to its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any

import numpy as np

from evalkit.errors import EvalkitError, UsageError, unknown
from evalkit.metrics import tokenizers
from evalkit.metrics.base import Columns, Result, Score, within_range
from evalkit.metrics.catalogue import RETIRED, Metric, missing_package, tokenizer, wrong_setting
from evalkit.metrics.registry import BUILT_IN, Registry
from evalkit.metrics.writing import composed


def run_metric(
    name: str,
    columns: Columns,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    registry: Registry = BUILT_IN,
) -> Result:
    """The scores of one metric over a cell's columns, by full name.

    registry: where the metric is looked up. Raises UsageError when the metric, a setting or its
    value does not exist, a column it needs is not there, or a package has to be installed first.
    """
    metric = registry.find(name)
    if metric is None:
        raise UsageError(RETIRED.get(name) or unknown("metric", name, registry.names))
    given = dict(settings or {})
    wrong = wrong_setting(metric, given) or missing_package(metric, given)
    if wrong:
        raise UsageError(wrong)
    _require(metric, columns)
    arguments = {**given, **metric.fixed}
    made = _function(metric)(columns, confidence=confidence, seed=seed, **arguments)
    low, high = metric.lowest(given), metric.high
    return {full: within_range(score, low, high) for full, score in made.items()}


def why_not(name: str, settings: Mapping[str, Any], registry: Registry = BUILT_IN) -> str:
    """Why a metric is unavailable in this environment (missing data or weights), or ""."""
    metric = registry.find(name)
    if metric is None:
        return ""
    module, _, function = metric.ready.partition(":")
    try:
        tokenizers.require(tokenizer(metric, settings))
        if module:
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
    """Compute one of evalkit's metrics on plain lists.

    Args:
        metric: Its name, as in a suite.
        predictions: n answers; None for an answer that could not be extracted.
        targets: n references, each a string or a list of strings.
        confidence: Of the interval, between 0 and 1.
        seed: Of random draws, for metrics that draw.
        settings: The metric's settings, as in a suite.
        columns: The other columns of :class:`Columns`: ``labels``, ``probabilities``, ``sources``,
            ``choices``, ``choice_logprobs``. Without ``labels``, a classification metric uses the
            sorted targets and predictions, as scikit-learn does.

    Returns:
        A Score; for a metric with one score per label, a dict by full name.

    Raises:
        UsageError: The metric is unknown, a column is missing, or lengths or types differ from
            what is stated above.

    >>> compute("exact_match", ["Paris!"], [["paris", "city of Paris"]]).value
    1.0
    """
    entry = BUILT_IN.find(metric)
    _refuse_call(entry, predictions, targets, confidence, columns)
    references = [(t,) if isinstance(t, str) else tuple(t) for t in targets]
    if entry is not None and "labels" in entry.needs and not columns.get("labels"):
        written = {p for p in predictions if p is not None}.union(*references)
        columns["labels"] = sorted(set(map(composed, written)))
    if "labels" in columns:
        columns["labels"] = tuple(columns["labels"])
    if columns.get("probabilities") is not None:
        columns["probabilities"] = np.asarray(columns["probabilities"], dtype=np.float64)
    table = Columns(predictions=list(predictions), targets=references, **columns)
    result = run_metric(metric, table, confidence=confidence, seed=seed, settings=settings)
    return result[metric] if tuple(result) == (metric,) else dict(result)


def _refuse_call(
    metric: Metric | None,
    predictions: Sequence[Any],
    targets: Sequence[Any],
    confidence: float,
    columns: Mapping[str, Any],
) -> None:
    """Raise UsageError for arguments that would be misinterpreted."""
    known = [f.name for f in fields(Columns) if f.name not in ("predictions", "targets")]
    for name, value in columns.items():
        if name in known:
            continue
        if metric is not None and name in metric.settings:
            write = f'settings={{"{name}": {value!r}}}'
            raise UsageError(f"'{name}' is a setting of metric '{metric.name}': write {write}")
        raise UsageError(unknown("column", name, known))
    if not 0 < confidence < 1:
        raise UsageError(f"confidence must be between 0 and 1, such as 0.95; found {confidence!r}")
    for name, given in (("predictions", predictions), ("targets", targets)):
        if isinstance(given, str):
            raise UsageError(f"{name} must be a list with one entry per sample: [{given!r}]")
    if len(predictions) != len(targets):
        raise UsageError(f"{len(predictions)} predictions but {len(targets)} targets")
    for i, prediction in enumerate(predictions):
        if not isinstance(prediction, str | None):
            raise _no_text(f"predictions[{i}]", prediction, "texts, or None for no answer")
    for i, target in enumerate(targets):
        several = isinstance(target, Sequence) and all(isinstance(t, str) for t in target)
        if not several:
            raise _no_text(f"targets[{i}]", target, "texts, or lists of the texts accepted")


def _no_text(where: str, value: object, expected: str) -> UsageError:
    kind = type(value).__name__
    return UsageError(
        f"{where} is {value!r} ({kind}); expected {expected}. Pass labels that are numbers as"
        " text: [str(x) for x in values]"
    )


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
        "pairs": bool(columns.pairs),
        "choices": bool(columns.choices) and bool(columns.choice_logprobs),
        "contexts": bool(columns.contexts),
        "calls": bool(columns.calls),
        "messages": bool(columns.messages),
        "relevant": bool(columns.relevant),
    }
    missing = [need for need in metric.needs if not present[need] and len(columns)]
    if missing:
        raise UsageError(f"metric '{metric.name}' needs {' and '.join(missing)}")
