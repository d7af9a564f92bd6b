"""The project's own metrics, from ``evalkit.yaml``, a hook or a call, as a registry."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.errors import EvalkitError, Problem, SpecError, UsageError, unknown
from evalkit.metrics.catalogue import METRICS, Metric
from evalkit.metrics.registry import Registry
from evalkit.modules import import_function
from evalkit.spec.project import Project
from evalkit.spec.source import scan_yaml

_KEYS = ("function", "better", "low", "high", "needs")
_BETTER = ("higher", "lower", "")
_NEEDS = (
    *("labels", "probabilities", "sources", "choices"),
    *("contexts", "calls", "messages"),
)


def project_metrics(project: Project, passed: Mapping[str, Any] | None = None) -> Registry:
    """evalkit's metrics, those that a project declares, and those passed in, which take priority.

    Functions named in ``evalkit.yaml`` are imported, with the project's folder first on the path.
    Raises SpecError with every problem of the file, UsageError for metrics passed in.
    """
    made: dict[str, Metric] = {}
    problems: list[tuple[str, str]] = []
    for name, declared in project.metrics.items():
        try:
            made[str(name)] = entry(str(name), declared, project.root)
        except EvalkitError as error:
            problems.append((str(name), str(error)))
    if problems:
        raise SpecError(_placed(project, problems))
    for name, declared in (passed or {}).items():
        try:
            made[name] = entry(name, declared, project.root)
        except EvalkitError as error:
            raise UsageError(f"metric '{name}': {error}") from error
    return Registry(made, project.root)


def _placed(project: Project, problems: list[tuple[str, str]]) -> list[Problem]:
    assert project.file is not None
    source = scan_yaml(project.file)
    return [source.problem(("metrics", name), message) for name, message in problems]


def entry(name: str, declared: Any, root: Path) -> Metric:
    """One metric as declared: ``module:function`` or a function, or a mapping with more about it.

    Raises UsageError or ModelError for a wrong declaration.
    """
    if not re.fullmatch(r"[^\W\d][\w.-]*", name):
        raise UsageError(
            f"'{name}' is not a valid name: begin with a letter, then letters, digits, _ . -"
        )
    if name in METRICS:
        raise UsageError("evalkit has a metric of this name; choose another")
    if isinstance(declared, Metric):
        return replace(declared, name=name)
    about = dict(declared) if isinstance(declared, Mapping) else {"function": declared}
    for key in about:
        if key not in _KEYS:
            raise UsageError(unknown("key", str(key), _KEYS))
    function = _function(about.get("function"), root)
    low, high = _bound(about, "low", -math.inf), _bound(about, "high", math.inf)
    if low >= high:
        raise UsageError(f"'low: {low:g}' must be below 'high: {high:g}'")
    from evalkit.metrics.custom_function import OwnMetric, settings_of  # imports numpy

    return Metric(
        name,
        OwnMetric(name, function, (low, high)),
        next(iter((function.__doc__ or "").strip().splitlines()), "a metric of the project's own"),
        needs=_needs(about.get("needs", ())),
        better=_one_of(about.get("better", "higher"), _BETTER, "better"),
        low=low,
        high=high,
        settings=settings_of(function),
        open_keys=True,
    )


def _function(declared: Any, root: Path) -> Callable[..., Any]:
    if callable(declared):
        function: Callable[..., Any] = declared
        return function
    if not isinstance(declared, str) or not re.fullmatch(r"[\w.]+:[\w.]+", declared):
        raise UsageError(f"expected 'module:function', found {declared!r}")
    return import_function(declared, root)


def _bound(about: Mapping[str, Any], key: str, default: float) -> float:
    value = about.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise UsageError(f"'{key}' must be a number, found {value!r}")
    return float(value)


def _one_of(value: Any, known: tuple[str, ...], key: str) -> str:
    if value not in known:
        raise UsageError(
            f"'{key}' must be {', '.join(filter(None, known))} or empty, found {value!r}"
        )
    return str(value)


def _needs(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if name not in _NEEDS:
            raise UsageError(unknown("column in 'needs'", str(name), _NEEDS))
    return names
