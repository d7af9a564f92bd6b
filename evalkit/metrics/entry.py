"""Metadata of a metric, available without importing its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.tasks import Task

INF = float("inf")


@dataclass(frozen=True, slots=True)
class Metric:
    """A catalogue entry: metadata of a metric, available without importing its code.

    name: as written in a suite. function: ``module:function``, or the function itself.
    any_task: whether it fits every task; else tasks list it. family: the name they list it by, if
    different. needs: required columns
    (``probabilities``, ``sources``, ``labels``, ``choices``, ``passed``, ``pairs`` …).
    keyed: True when it yields one score per label (``recall[x]``).
    better: ``higher``, ``lower`` or ``""``. low, high: the range of values.
    settings: what a suite may set, with the defaults.
    overall: a keyed metric that also yields the score over all labels, under its own name.
    open_keys: True when its scores (``name``, ``name[x]``) are known only after computing it.
    any_settings: True when every setting is passed on. fixed: arguments beside the settings.
    package, extra: a package it needs beyond the core, and the extra that brings it.
    ready: ``module:function`` of the settings as a mapping, which raises EvalkitError if data or
    weights that the metric needs are missing.
    unbounded_by: settings that take the lower end of the range away when they are set.
    columns: settings that name a column of the data.
    choices: the values that a setting can have, by its name; one that is not here takes any.
    """

    name: str
    function: str | Callable[..., Any]
    summary: str
    needs: tuple[str, ...] = ()
    keyed: bool = False
    better: str = "higher"
    low: float = 0.0
    high: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    overall: bool = False
    open_keys: bool = False
    any_settings: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)
    package: str = ""
    extra: str = ""
    ready: str = ""
    unbounded_by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    any_task: bool = False
    family: str = ""

    def fits(self, task: Task) -> bool:
        """Whether it fits a task."""
        return self.any_task or (self.family or self.name) in task.metrics

    def lowest(self, settings: Mapping[str, Any]) -> float:
        """The lower end of the range under these settings."""
        return -INF if any(settings.get(name) for name in self.unbounded_by) else self.low
